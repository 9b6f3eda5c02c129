import { readFileSync, statSync } from 'node:fs';
import { MARKERS } from '../../../domain/action/markers';
import type { ExecuteRequest } from '../../../domain/action/runtime';
import type { ConfigReload } from '../../../domain/runtime-spec';
import { lastLines, runCommand } from '../../../platform/command';
import { readStat, startedAt, type ProcessStat } from '../../../platform/procfs';
import { protectedPids } from '../process/find';
import { ownReason, readSelf } from '../systemd/own-units';
import { runJob, showUnit } from '../systemd/systemctl';
import { refuseNoReload } from '../systemd/verbs';
import { configSpecOf, type ConfigContext } from './context';

const OUTPUT_LINES = 20;
/** Of the file system's clock against the kernel's. */
const CLOCK_SLACK_MS = 2000;

/** How a reader was told; `output` is what it said. */
export interface Told {
  how: string;
  output: string[];
}

/** Tells whoever reads the files; null where nobody is to be told. Throws where it could not. */
export async function tellReader(
  context: ConfigContext,
  { target, key }: ExecuteRequest,
): Promise<Told | null> {
  const { reload } = configSpecOf(target);
  if (reload === undefined) return null;
  if ('command' in reload) return runReload(context, reload.command, key);
  if ('unit' in reload) return reloadUnit(context, reload);
  return signalReader(reload);
}

/** To its end, aborted or not: half a reload is worse than a late one. */
async function runReload(
  { reloadTimeoutMs }: ConfigContext,
  command: readonly string[],
  key: string,
): Promise<Told> {
  const how = `ran ${command[0] ?? ''}`;
  const result = await runCommand(command, {
    timeoutMs: reloadTimeoutMs,
    env: { ...process.env, [MARKERS.action]: key },
  }).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(
      `the reload command ${command[0] ?? ''} cannot be run (${code ?? 'unknown error'})`,
      { cause },
    );
  });
  const output = lastLines(result.stdout + result.stderr, OUTPUT_LINES);
  if (result.exitCode === 0) return { how, output };
  const end = result.isTimedOut
    ? `did not end within ${reloadTimeoutMs} ms`
    : `ended with ${result.exitCode ?? 'a signal'}`;
  throw new Error(`the reload command ${command[0] ?? ''} ${end}: ${output.at(-1) ?? 'no output'}`);
}

async function reloadUnit(
  { systemd }: ConfigContext,
  unit: Extract<ConfigReload, { unit: string }>,
): Promise<Told> {
  const state = await showUnit(systemd, unit);
  refuseNoReload(unit.unit, state);
  const reason = ownReason(state, readSelf());
  if (reason !== null) throw new Error(`reload ${unit.unit} refused: ${reason}`);
  const failure = await runJob(systemd, unit, 'reload');
  if (failure !== null) throw new Error(`reload ${unit.unit} failed: ${failure}`);
  return { how: `reloaded ${unit.unit}`, output: [] };
}

function signalReader({ pidFile, signal }: Extract<ConfigReload, { pidFile: string }>): Told {
  const { pid } = readerOf(pidFile);
  try {
    process.kill(pid, signal);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`process ${pid} cannot be sent ${signal} (${code ?? 'unknown error'})`, {
      cause,
    });
  }
  return { how: `sent ${signal} to process ${pid}`, output: [] };
}

/** The process that wrote the file; a later one with the same number is a stranger. */
function readerOf(pidFile: string): ProcessStat {
  const { text, writtenAt } = readPidFile(pidFile);
  const pid = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (pid <= 1) throw new Error(`${pidFile} holds no process number`);
  if (protectedPids().includes(pid))
    throw new Error(`${pidFile} names process ${pid}, which Vigil itself runs in: not signalled`);
  const stat = readStat(pid);
  if (stat === null) throw new Error(`${pidFile} names process ${pid}, which does not run`);
  if (startedAt(stat) > writtenAt + CLOCK_SLACK_MS)
    throw new Error(`${pidFile} is older than process ${pid}: it names one that ended before`);
  return stat;
}

function readPidFile(path: string): { text: string; writtenAt: number } {
  try {
    return { text: readFileSync(path, 'utf8').trim(), writtenAt: statSync(path).mtimeMs };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`${path} cannot be read (${code ?? 'unknown error'}): does its program run?`, {
      cause,
    });
  }
}
