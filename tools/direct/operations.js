/** What the direct build is made of, and what becomes of the operations that kernel code yields. */

/** Folders that are transformed; everything else is replaced or left out. */
export const FOLDERS = ['lockref', 'rcu', 'dcache', 'vfs'];
/** Files of the machine that are kernel code themselves, written with its operations. */
export const DERIVED = ['seqlock', 'completion', 'wait'];
/** Operations that are one load, one store, or nothing at all. */
export const LOADS = new Set([
  'read',
  'READ_ONCE',
  'smp_load_acquire',
  'rcu_dereference',
  'rcu_dereference_check',
  'rcu_dereference_protected',
  'rcu_access_pointer',
]);
export const STORES = new Set(['write', 'WRITE_ONCE', 'smp_store_release', 'rcu_assign_pointer']);
export const NOTHING = new Set([
  // Nobody else is there to be kept out.
  'spin_lock',
  'spin_lock_nested',
  'bit_spin_lock',
  'spin_unlock',
  'down_read',
  'up_read',
  'down_write',
  'up_write',
  'rcu_read_lock',
  'rcu_read_unlock',
  'synchronize_rcu',
  'smp_mb',
  'smp_rmb',
  'smp_wmb',
  'section_enter',
  'section_exit',
  'section_snapshot',
  'section_await',
  'join',
  'kmem_cache_free',
  'printk',
  'cover',
  'might_sleep',
  'might_lock',
  'lockdep_assert_held',
  'assert_in_section',
  'lockdep_assert_in_rcu_read_lock',
  'assert_not_in_section',
  'inspect',
]);

/** Fields whose address is kept and compared: each object has one reference to them. */
export const COMPARED = new Set(['stashed']);
