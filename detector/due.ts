/** Brings items back at their times: a binary heap in which each item has at most one live entry. */
export interface DueTimes<Item> {
  /** Replaces the item's earlier time; null: nothing is due. */
  set: (item: Item, at: number | null) => void;
  /** Removes and answers what is due at `now`. */
  take: (now: number) => Item[];
  /** Null: nothing is due ever. May be early, never late. */
  next: () => number | null;
}

interface Entry<Item> {
  at: number;
  item: Item;
}

export function createDueTimes<Item>(): DueTimes<Item> {
  const heap: Entry<Item>[] = [];
  const wanted = new Map<Item, number>();
  /** Time of the item's entry in the heap. */
  const queued = new Map<Item, number>();

  function push(entry: Entry<Item>): void {
    queued.set(entry.item, entry.at);
    heap.push(entry);
    siftUp(heap);
  }

  return {
    set(item, at) {
      if (at === null) {
        wanted.delete(item);
        return;
      }
      wanted.set(item, at);
      // A later time waits until the earlier entry comes up: most samples only move the time on.
      if (at < (queued.get(item) ?? Infinity)) push({ at, item });
    },
    take(now) {
      const due: Item[] = [];
      for (let top = heap[0]; top !== undefined && top.at <= now; top = heap[0]) {
        pop(heap);
        const { at, item } = top;
        if (queued.get(item) !== at) continue;
        queued.delete(item);
        const time = wanted.get(item);
        if (time === undefined) continue;
        if (time > now) {
          push({ at: time, item });
        } else {
          wanted.delete(item);
          due.push(item);
        }
      }
      return due;
    },
    next: () => heap[0]?.at ?? null,
  };
}

function siftUp(heap: Entry<unknown>[]): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (at(heap, parent) <= at(heap, child)) return;
    swap(heap, parent, child);
    child = parent;
  }
}

function pop(heap: Entry<unknown>[]): void {
  swap(heap, 0, heap.length - 1);
  heap.pop();
  let parent = 0;
  for (;;) {
    const left = 2 * parent + 1;
    const child = at(heap, left + 1) < at(heap, left) ? left + 1 : left;
    if (at(heap, parent) <= at(heap, child)) return;
    swap(heap, parent, child);
    parent = child;
  }
}

function at(heap: Entry<unknown>[], index: number): number {
  return heap[index]?.at ?? Infinity;
}

function swap(heap: Entry<unknown>[], a: number, b: number): void {
  const [first, second] = [heap[a], heap[b]];
  if (first === undefined || second === undefined) return;
  heap[a] = second;
  heap[b] = first;
}
