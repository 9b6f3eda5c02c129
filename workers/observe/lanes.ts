import type { Bell } from '../../platform/bell';
import { untilLate, type Lateness } from './lateness';

/** Has a look do something without its lane. */
export type Aside = <T>(work: () => Promise<T>) => Promise<T>;

/** How many looks at resources of one runtime wait for its answers side by side. */
export interface Lanes {
  isBusy: (runtimeType: string) => boolean;
  /** Holds a lane until the look ends, but for what it does aside. `look` never throws. */
  run: (runtimeType: string, look: (aside: Aside) => Promise<void>) => void;
  /** Ends after the looks under way, also those aside, but for those that get no answer. */
  end: () => Promise<void>;
}

export function createLanes(options: {
  concurrency: number;
  /** How long to wait at the end. */
  lateMs: number;
  watch: Lateness;
  /** Rung when there is a lane again. */
  bell: Bell;
}): Lanes {
  const { concurrency, lateMs, watch, bell } = options;
  const held = new Map<string, number>();
  const underWay = new Set<Promise<void>>();

  function count(type: string, change: 1 | -1): void {
    held.set(type, (held.get(type) ?? 0) + change);
  }

  /** Answers with how to leave. */
  function enter(type: string): () => void {
    count(type, 1);
    const answered = watch(type);
    return () => {
      answered();
      count(type, -1);
      bell.ring();
    };
  }

  async function hold(type: string, look: (aside: Aside) => Promise<void>): Promise<void> {
    let leave = enter(type);
    try {
      await look(async (work) => {
        leave();
        try {
          return await work();
        } finally {
          // Waits for no lane: it was its turn already.
          leave = enter(type);
        }
      });
    } finally {
      leave();
    }
  }

  return {
    isBusy: (type) => (held.get(type) ?? 0) >= concurrency,
    run(type, look) {
      const looking = hold(type, look).finally(() => underWay.delete(looking));
      underWay.add(looking);
    },
    end: () => untilLate([...underWay], lateMs),
  };
}
