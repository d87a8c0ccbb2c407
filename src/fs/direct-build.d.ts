/** The kernel as plain functions, made from src/ by tools/direct/build.js; typed in direct.ts. */
export const create_fs_kernel: unknown;
export const syscall_table: unknown;
export const Machine: unknown;
export const WouldBlock: unknown;
