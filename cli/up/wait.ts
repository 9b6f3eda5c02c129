import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Repeats the probe until it resolves. Throws the probe's last error when the deadline has passed,
 * and the signal's reason as soon as it is aborted.
 */
export async function waitUntil(
  probe: () => Promise<void>,
  options: { deadlineMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const deadline = performance.now() + options.deadlineMs;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await probe();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(POLL_MS);
  }
}
