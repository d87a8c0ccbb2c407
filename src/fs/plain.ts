/** Objects of a kernel of the direct build, as those see them that look at a whole kernel from outside. */

export interface PlainDentry {
  d_inode: PlainInode | null;
  d_name: string | { readonly name: string };
  d_parent: PlainDentry | null;
  d_hash_pprev: object | null;
}

export type PlainInode = Record<string, unknown> & {
  i_names: Map<number, PlainDentry> | null;
  i_pages: Map<number, Uint8Array> | null;
  i_sb: Record<string, unknown>;
};

export interface PlainFile {
  f_pos: number;
  f_flags: number;
  f_inode: PlainInode | null;
  f_dentry: PlainDentry | null;
}

export interface PlainTask {
  files: {
    fd: Map<number, PlainFile> | null;
    close_on_exec: Map<number, number> | null;
  } | null;
  fs: { umask: number; pwd: PlainDentry | null; root: PlainDentry | null } | null;
  children: Iterable<PlainTask> | null;
  [field: string]: unknown;
}
