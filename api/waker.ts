export interface Waker {
  /** Ends the present wait, or the next one at once. */
  wake: () => void;
  /** Resolves when woken, at the latest after `timeoutMs`. */
  wait: (timeoutMs: number) => Promise<void>;
}

/** A wake-up that arrives while nobody waits is kept, so that none is lost between look and wait. */
export function createWaker(): Waker {
  let isPending = false;
  let resolveWait: (() => void) | null = null;
  return {
    wake() {
      isPending = true;
      resolveWait?.();
    },
    async wait(timeoutMs) {
      if (!isPending) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          resolveWait = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        resolveWait = null;
      }
      isPending = false;
    },
  };
}
