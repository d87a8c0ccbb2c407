/** Races that no sequentially consistent machine can show: listed, so that nobody looks for them. */

export interface WeakMemoryRace {
  readonly id: string;
  readonly title: string;
  /** What is missing to see it. */
  readonly needs: string;
}

/** Races that sequential consistency cannot show. */
export const WEAK_MEMORY_RACES: readonly WeakMemoryRace[] = [
  {
    id: 'B31',
    title: 'a name pointer is seen before the length that belongs to it (7088efa9137a)',
    needs: 'stores of one CPU that another sees in another order',
  },
  {
    id: 'B44b',
    title: 'a mount count and mount_lock, each side missing the other (119e1ef80ecf)',
    needs: 'a store buffer',
  },
];
