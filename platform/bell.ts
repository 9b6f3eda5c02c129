export interface Bell {
  /** Ends the present wait, or the next one at once. */
  ring: () => void;
  /** Ends every wait from now on. */
  stop: () => void;
  isStopped: () => boolean;
  /** Waits that long or until the bell rings; true: it rang. */
  wait: (ms: number) => Promise<boolean>;
}

/** What a loop waits on between two rounds; a ring while nobody waits counts for the next wait. */
export function createBell(): Bell {
  let isRung = false;
  let isStopped = false;
  let wake: (() => void) | null = null;
  const ring = (): void => {
    isRung = true;
    wake?.();
  };
  return {
    ring,
    stop() {
      isStopped = true;
      ring();
    },
    isStopped: () => isStopped,
    async wait(ms) {
      if (!isRung && !isStopped) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = null;
      }
      const hasRung = isRung;
      isRung = false;
      return hasRung;
    },
  };
}
