/** Something that is done again and again until it is stopped. */
export interface Repetition {
  stop: () => void;
}

/**
 * Does `work` now and then every `intervalMs`, without drift and never twice at the same time:
 * turns that a slow run has missed are left out. `work` handles its own errors.
 */
export function repeat(intervalMs: number, work: () => Promise<void>): Repetition {
  let isStopped = false;
  let timer: NodeJS.Timeout | null = null;
  let due = performance.now();

  async function turn(): Promise<void> {
    await work();
    if (isStopped) return;
    const missed = Math.max(0, Math.floor((performance.now() - due) / intervalMs));
    due += (missed + 1) * intervalMs;
    timer = setTimeout(() => void turn(), Math.max(0, due - performance.now()));
  }

  void turn();
  return {
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
