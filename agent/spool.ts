import type { Sample } from './sample';

/** Samples that wait to be sent: in memory and bounded. When it is full the oldest go. */
export interface Spool {
  readonly size: number;
  push: (samples: readonly Sample[]) => void;
  /** Takes the oldest out. */
  take: (count: number) => Sample[];
  /** Puts back, in front, what could not be sent. */
  giveBack: (samples: readonly Sample[]) => void;
  /** How many were dropped since the last call. */
  takeDropped: () => number;
}

export function createSpool(maxSamples: number): Spool {
  let waiting: Sample[] = [];
  let dropped = 0;

  function trim(): void {
    const excess = waiting.length - maxSamples;
    if (excess <= 0) return;
    waiting = waiting.slice(excess);
    dropped += excess;
  }

  return {
    get size() {
      return waiting.length;
    },
    push(samples) {
      waiting.push(...samples);
      trim();
    },
    take: (count) => waiting.splice(0, count),
    giveBack(samples) {
      waiting = [...samples, ...waiting];
      trim();
    },
    takeDropped() {
      const count = dropped;
      dropped = 0;
      return count;
    },
  };
}
