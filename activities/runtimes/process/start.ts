import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { MARKERS } from '../../../domain/action/markers';
import type { RuntimeTarget } from '../../../domain/action/runtime';
import { bootId, readStat, type ProcessId } from '../../../platform/procfs';
import { isSecretReference } from '../../../platform/secret-references';
import { processOf, runFolder, workingFolder, type ProcessContext } from './context';
import { identityOf } from './find';
import { openLogs, rotateLogs, type OpenLogs } from './logs';
import { startError } from './program';
import { writeRecord, type StartedWith } from './record';

export interface Start {
  target: RuntimeTarget;
  /** Put on the process, so that its start is found again: `<action uuid>/<step>` or `start`. */
  key: string;
  /** Resolved; holds secrets. */
  environment: Record<string, string>;
  /** Words that go before the command and end in becoming it. */
  prefix: readonly string[];
}

/**
 * Starts the process in a session of its own, its output in files, and records it. Returns its
 * identity as soon as the system has started it; whether it stays is for others to verify.
 */
export async function startProcess(context: ProcessContext, start: Start): Promise<string> {
  const folder = runFolder(context, start.target.resource);
  const { command, env } = processOf(start.target);
  const incarnation = randomUUID();
  const startedAt = context.now();
  await rotateLogs(context, folder);
  const logs = await openLogs(folder);
  let id: ProcessId;
  try {
    id = await spawnDetached(start, logs, {
      ...start.environment,
      [MARKERS.resource]: start.target.resource,
      [MARKERS.action]: start.key,
      [MARKERS.owner]: context.home,
      [MARKERS.incarnation]: incarnation,
    });
  } finally {
    await logs.close();
  }
  const boot = bootId();
  await writeRecord(folder, {
    bootId: boot,
    ...id,
    key: start.key,
    incarnation,
    command,
    variables: startedWith(env),
    startedAt,
  });
  return identityOf(boot, id);
}

function startedWith(env: Readonly<Record<string, string>>): StartedWith {
  return Object.fromEntries(
    Object.entries(env).map(([name, text]) => [name, isSecretReference(text) ? text : null]),
  );
}

async function spawnDetached(
  { target, prefix }: Start,
  logs: OpenLogs,
  env: Record<string, string>,
): Promise<ProcessId> {
  const { command } = processOf(target);
  const [program = '', ...args] = [...prefix, ...command];
  const child = attempt(command, () =>
    spawn(program, args, {
      cwd: workingFolder(target),
      env,
      detached: true,
      stdio: ['ignore', logs.stdout.fd, logs.stderr.fd],
    }),
  );
  if (child.pid === undefined) {
    const [cause] = (await once(child, 'error')) as [unknown];
    throw startError(command, cause);
  }
  // The worker may end before its child; Node reaps the child while the worker lives.
  child.unref();
  // Read within the same turn of the loop: even a child that is gone already was not reaped yet.
  const startTicks = readStat(child.pid)?.startTicks ?? 0;
  return { pid: child.pid, startTicks };
}

/** Some refusals of the system are thrown at once, the others arrive as an event. */
function attempt<T>(command: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw startError(command, cause);
  }
}
