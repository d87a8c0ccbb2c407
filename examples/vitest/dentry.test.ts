/** Two tasks on one name of a directory: a lookup beside an unlink. */

import { expect, test } from 'vitest';
import { make_entry, make_root, plain_super, READ_ONCE, scenario } from 'dentrylab';
import { explore } from 'dentrylab/vitest';

const lookupVsUnlink = scenario({
  name: 'example/lookup-vs-unlink',
  title: 'one looks a file up while another removes it',
  objects: () => ({ sb: plain_super() }),
  *setup(k, { sb }) {
    const root = yield* make_root(k, sb);
    return { root, file: yield* make_entry(k, root, 'a', 'file') };
  },
  tasks: {
    *lookup(k, { root }) {
      const found = yield* k.d_lookup(root, 'a');
      if (found === null) return 'nothing';
      const inode = yield* READ_ONCE(found.d_inode);
      yield* k.dput(found);
      return inode === null ? 'a negative dentry' : 'the file';
    },
    *unlink(k, { file }) {
      yield* k.d_delete(file);
      yield* k.dput(file);
    },
  },
});

test.each(['v6.9', 'v7.3'])('%s: no use of freed memory, whoever is first', (variant) => {
  const exploration = explore(lookupVsUnlink, { variant });
  expect(exploration).toHoldInEveryInterleaving();
  expect(exploration).toReach({ returned: { lookup: 'the file' } });
  expect(exploration).toReach({ returned: { lookup: 'a negative dentry' } });
  // Nobody else uses the name, so its dentry stays for the next lookup.
  expect(exploration).toNeverReach({ returned: { lookup: 'nothing' } });
});
