/**
 * What `does` answers, and the processor time that this process took for it, in ms: which is the
 * same on a busy machine, unlike the time by the clock.
 */
export function withWork<T>(does: () => T): { answer: T; workMs: number } {
  const before = process.cpuUsage();
  const answer = does();
  const { user, system } = process.cpuUsage(before);
  return { answer, workMs: (user + system) / 1000 };
}
