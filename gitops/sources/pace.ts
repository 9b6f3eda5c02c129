export interface Pace {
  /** The last look found something new, or somebody says that there is. */
  hurry: () => void;
  /** Ms until the next look; `failures` in a row until now. */
  next: (failures: number) => number;
}

/** Of the wait, so that many sources do not ask at once. */
const JITTER = 0.1;

/** Looks often after a change, and ever more seldom while nothing changes; after failures, too. */
export function createPace(options: {
  fastMs: number;
  slowMs: number;
  /** From 0 up to 1. */
  random: () => number;
}): Pace {
  const { fastMs, random } = options;
  const slowMs = Math.max(options.slowMs, fastMs);
  let waitMs = fastMs;
  return {
    hurry() {
      waitMs = fastMs;
    },
    next(failures) {
      const base = failures > 0 ? fastMs * 2 ** Math.min(failures - 1, 30) : waitMs;
      if (failures === 0) waitMs = Math.min(waitMs * 2, slowMs);
      return Math.min(base, slowMs) * (1 - JITTER + 2 * JITTER * random());
    },
  };
}
