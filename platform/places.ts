/** Does some work of a kind once there is a place for it. */
export type Places = <T>(kind: string, work: () => Promise<T>) => Promise<T>;

/**
 * So much work at once, and of each kind no more than its share: a kind that hangs leaves places to
 * the others. Whoever came first goes first, but for kinds that have their share.
 */
export function createPlaces({ total, share }: { total: number; share: number }): Places {
  const taken = new Map<string, number>();
  const waiting: { kind: string; enter: () => void }[] = [];

  function isFree(kind: string): boolean {
    const all = [...taken.values()].reduce((sum, count) => sum + count, 0);
    return all < total && (taken.get(kind) ?? 0) < share;
  }

  function count(kind: string, change: 1 | -1): void {
    taken.set(kind, (taken.get(kind) ?? 0) + change);
  }

  async function enter(kind: string): Promise<void> {
    if (isFree(kind)) {
      count(kind, 1);
      return;
    }
    await new Promise<void>((resolve) => {
      waiting.push({ kind, enter: resolve });
    });
  }

  function leave(kind: string): void {
    count(kind, -1);
    const index = waiting.findIndex((one) => isFree(one.kind));
    const [next] = index === -1 ? [] : waiting.splice(index, 1);
    if (next === undefined) return;
    // Taken here already: whoever asks before it goes on finds it gone.
    count(next.kind, 1);
    next.enter();
  }

  return async (kind, work) => {
    await enter(kind);
    try {
      return await work();
    } finally {
      leave(kind);
    }
  };
}
