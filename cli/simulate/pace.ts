import { setTimeout as delay } from 'node:timers/promises';
import { CliFailure } from '../failure';

/** How a simulation waits: until a deadline, unless the person at the keyboard ends it first. */
export interface Pace {
  signal: AbortSignal;
  pause: (ms: number) => Promise<void>;
  /** Looks every `everyMs` until `look` hands back something; throws CliFailure `words` at the deadline. */
  until: <T>(look: () => Promise<T | null>, limit: Limit) => Promise<T>;
}

export interface Limit {
  withinMs: number;
  everyMs?: number;
  /** What is missing, read only at the end. */
  words: () => string;
}

export function createPace(signal: AbortSignal): Pace {
  async function pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal });
    } catch (cause) {
      throw new CliFailure('interrupted', 1, { cause });
    }
  }
  return {
    signal,
    pause,
    async until(look, { withinMs, everyMs = 500, words }) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const found = await look();
        if (found !== null) return found;
        if (Date.now() >= deadline) throw new CliFailure(words());
        await pause(everyMs);
      }
    },
  };
}
