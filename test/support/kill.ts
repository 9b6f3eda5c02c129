/** SIGKILL to one process. A pid that is not known yet is an error: 0 would mean this whole run. */
export function killNow(pid: number | null | undefined): void {
  if (pid === null || pid === undefined || !(pid > 1)) throw new Error(`${String(pid)} is no pid`);
  process.kill(pid, 'SIGKILL');
}
