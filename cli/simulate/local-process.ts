import { bootId, isAlive, listPids, readEnvironment, type ProcessId } from '../../platform/procfs';
import { CliFailure } from '../failure';

/** Marks a sacrificial process with the run that made it, so that the run finds and ends it. */
export const RUN_VARIABLE = 'VIGIL_SIMULATION';

/**
 * `<boot id>:<pid>:<start time>` → the process on this machine. Throws CliFailure where the identity
 * is of another machine or boot, or the process is gone: a pid alone may be somebody else by now.
 */
export function localProcess(identity: string): ProcessId {
  const [boot, pid, startTicks] = identity.split(':');
  const id = { pid: Number(pid), startTicks: Number(startTicks) };
  if (boot === undefined || !Number.isInteger(id.pid) || !Number.isInteger(id.startTicks)) {
    throw new CliFailure(`"${identity}" is no identity of a process`);
  }
  if (boot !== bootId()) {
    throw new CliFailure('its process runs on another machine: run this command there');
  }
  if (!isAlive(id)) {
    throw new CliFailure(
      `its process ${id.pid} is not to be seen from here: run this command where the worker runs`,
    );
  }
  return id;
}

/** kill -9, after a last look that the pid still is that process. */
export function killProcess(identity: string): number {
  const id = localProcess(identity);
  process.kill(id.pid, 'SIGKILL');
  return id.pid;
}

/** Processes that this run made, by their environment; children inherit the mark. */
export function processesOfRun(run: string): number[] {
  return listPids().filter((pid) => readEnvironment(pid)?.get(RUN_VARIABLE) === run);
}

/** Signals every process of the run; says how many there were. One that just ended is no error. */
export function signalRun(run: string, signal: NodeJS.Signals): number {
  const pids = processesOfRun(run);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return pids.length;
}
