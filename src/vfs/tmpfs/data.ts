/**
 * Contents of tmpfs files: pages, holes, and the limit on blocks.
 *
 * Writers hold i_rwsem, readers hold nothing: a read that meets a write may see some of its pages
 * and not others, never part of a page. Mirrors mm/shmem.c and mm/filemap.c, page by page.
 */

import { atomic_fetch_add, E, READ_ONCE, WRITE_ONCE, type Task } from '../../machine/index.js';
import type { FsKernel } from '../fs-kernel.js';
import {
  bytes_append,
  bytes_empty,
  PAGE_SIZE,
  page_present,
  page_read,
  page_write,
  xa_size,
  type Bytes,
} from '../platform/index.js';
import type { File } from '../process/structs.js';
import type { FsInode, FsSuper } from './structs.js';
import { down_write, up_write } from './structs.js';
import { current_time, touch_mtime } from './inode.js';

/** Up to `count` bytes from `pos` on; no bytes at the end. Source: mm/shmem.c. */
export function* shmem_file_read(
  k: FsKernel,
  inode: FsInode,
  pos: number,
  count: number,
): Task<Bytes> {
  let out: Bytes | null = null;
  let at = pos;
  const wanted = Math.min(count, Math.max(0, (yield* READ_ONCE(inode.i_size)) - pos));
  while (at < pos + wanted) {
    // Looked at again for every page: the file may be cut off while it is read.
    const size = yield* READ_ONCE(inode.i_size);
    const offset = at % PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - offset, pos + wanted - at, size - at);
    if (length <= 0) break;
    const index = Math.floor(at / PAGE_SIZE);
    const page = page_read(yield* READ_ONCE(inode.i_pages), index, offset, length);
    out = bytes_append(out, page, wanted);
    at += length;
  }
  if (count > 0) yield* WRITE_ONCE(inode.i_atime, yield* current_time(k));
  return out ?? bytes_empty();
}

/**
 * Write bytes at `from`, or at the end if `append`. May sleep.
 * @param file whose position follows; null to leave it, as pwrite does
 * @returns the number of bytes written, or -ENOSPC if there was room for none
 * Source: mm/shmem.c, mm/filemap.c.
 */
export function* shmem_file_write(
  k: FsKernel,
  inode: FsInode,
  file: File | null,
  from: number,
  bytes: Bytes,
  append: boolean,
): Task<number> {
  if (bytes.length === 0) return 0;
  yield* down_write(inode.i_rwsem);
  const pos = append ? yield* READ_ONCE(inode.i_size) : from;
  const sb = inode.i_sb as FsSuper;
  let at = pos;
  let error = 0;
  while (at < pos + bytes.length) {
    const index = Math.floor(at / PAGE_SIZE);
    const offset = at % PAGE_SIZE;
    const done = at - pos;
    const length = Math.min(PAGE_SIZE - offset, bytes.length - done);
    const pages = yield* READ_ONCE(inode.i_pages);
    if (!page_present(pages, index)) {
      if ((yield* atomic_fetch_add(sb.s_blocks_used, 1)) >= sb.s_blocks_max) {
        yield* atomic_fetch_add(sb.s_blocks_used, -1);
        error = -E.ENOSPC;
        break;
      }
      yield* WRITE_ONCE(inode.i_blocks, (yield* READ_ONCE(inode.i_blocks)) + 1);
    }
    const after = page_write(k, pages, index, offset, bytes, done, done + length);
    yield* WRITE_ONCE(inode.i_pages, after);
    at += length;
    if (at > (yield* READ_ONCE(inode.i_size))) yield* WRITE_ONCE(inode.i_size, at);
  }
  if (at > pos) yield* touch_mtime(k, inode);
  yield* up_write(inode.i_rwsem);
  if (at === pos) return error;
  if (file !== null) yield* WRITE_ONCE(file.f_pos, at);
  return at - pos;
}

/** Count the pages again after some went. i_rwsem must be held. Source: mm/shmem.c. */
export function* shmem_recalc_inode(_k: FsKernel, inode: FsInode): Task<void> {
  const before = yield* READ_ONCE(inode.i_blocks);
  const after = xa_size(yield* READ_ONCE(inode.i_pages));
  if (after === before) return;
  yield* WRITE_ONCE(inode.i_blocks, after);
  yield* atomic_fetch_add((inode.i_sb as FsSuper).s_blocks_used, after - before);
}
