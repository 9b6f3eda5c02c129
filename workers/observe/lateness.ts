import type { Logger } from '../../platform/logger';

/** How long a look may take before that is said, and before what waits for it goes on without it. */
export const LATE_MS = 10_000;

/** A look at a runtime of that type begins; to be called when it has its answer. */
export type Lateness = (type: string) => () => void;

/** Says of a runtime that a look at it gets no answer: once, until one comes in time again. */
export function createLateness({ logger, lateMs }: { logger: Logger; lateMs: number }): Lateness {
  const late = new Set<string>();
  return (type) => {
    const begun = performance.now();
    const timer = setTimeout(() => {
      if (late.has(type)) return;
      late.add(type);
      logger.warn(
        { runtime: type, afterMs: lateMs },
        'looks get no answer; other runtimes are looked at meanwhile',
      );
    }, lateMs);
    return () => {
      clearTimeout(timer);
      if (performance.now() - begun < lateMs) late.delete(type);
    };
  };
}

/** Ends when all of them have, or after `lateMs`, or when nobody waits any more. */
export async function untilLate(
  underWay: readonly Promise<unknown>[],
  lateMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const { promise: over, resolve } = deferred();
  const timer = setTimeout(resolve, lateMs);
  signal?.addEventListener('abort', resolve, { once: true });
  await Promise.race([Promise.all(underWay), over]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', resolve);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
