import { constants } from 'node:os';
import type { ExecuteRequest, RuntimeTarget, StepResult } from '../../../domain/action/runtime';
import { pointerTo } from '../../../domain/drift/normalise';
import { isLeft } from '../../../domain/drift/repair';
import { differingFiles, restoreFiles } from '../files/config-files';
import { handlesSignal } from '../../../platform/procfs';
import { configOf, processOf, runFolder, workingFolder, type ProcessContext } from './context';
import type { Environment } from './environment';
import { findProcess, protectedPids, type RunningProcess } from './find';
import { releaseLimits, withinLimits } from './limits';
import { checkProgram } from './program';
import { readRecord } from './record';
import { startProcess } from './start';
import { stopProcess } from './stop';

const DEFAULT_RELOAD = { signal: 'SIGHUP' } as const;

/** What the verbs work with. */
export interface Tools {
  context: ProcessContext;
  environment: Environment;
}

/** Since the snapshot somebody else replaced the process: what was decided no longer applies. */
export class TargetChangedError extends Error {
  override name = 'TargetChangedError';
}

export async function presentProcess(
  { context }: Tools,
  { resource }: RuntimeTarget,
): Promise<RunningProcess | null> {
  const record = await readRecord(runFolder(context, resource));
  return findProcess(context.home, resource, record);
}

export async function restart(tools: Tools, request: ExecuteRequest): Promise<StepResult> {
  const present = await presentProcess(tools, request.target);
  if (present !== null && present.identity !== request.snapshot.identity) {
    if (present.key !== request.key) throw targetChanged(request, present);
    return done(present, 'was restarted');
  }
  return replace(tools, request.target, request.key, present);
}

export async function start(tools: Tools, request: ExecuteRequest): Promise<StepResult> {
  const present = await presentProcess(tools, request.target);
  if (present !== null) return done(present, 'runs already');
  return replace(tools, request.target, request.key, null);
}

export async function stop(tools: Tools, request: ExecuteRequest): Promise<StepResult> {
  const present = await presentProcess(tools, request.target);
  if (present !== null && present.identity !== request.snapshot.identity) {
    throw targetChanged(request, present);
  }
  await stopProcess(tools.context, request.target.resource, present);
  await releaseLimits(tools.context, request.target.resource);
  return stopped(request.target, present);
}

/** Tells the process to read its configuration again. It stays the same one. */
export async function reload(tools: Tools, request: ExecuteRequest): Promise<StepResult> {
  const { resource } = request.target;
  const { signal } = processOf(request.target).reload ?? DEFAULT_RELOAD;
  const present = await presentProcess(tools, request.target);
  if (present === null) throw new Error(`${resource} does not run: there is nothing to reload`);
  if (present.identity !== request.snapshot.identity) throw targetChanged(request, present);
  if (protectedPids().includes(present.pid)) {
    throw new Error(`${resource} is process ${present.pid}, which Vigil itself runs in`);
  }
  if (!handlesSignal(present.pid, constants.signals[signal])) {
    throw new Error(`pid ${present.pid} does not handle ${signal}, which would end it; restart it`);
  }
  process.kill(present.pid, signal);
  return done(present, `was sent ${signal}`);
}

export async function sync(tools: Tools, request: ExecuteRequest): Promise<StepResult> {
  const { target } = request;
  const present = await presentProcess(tools, target);
  const isOutdated = !(await isAsDesired(tools, target, present));
  if (isOutdated && present !== null && present.identity !== request.snapshot.identity) {
    throw targetChanged(request, present);
  }
  const files = await differingFiles(configOf(target));
  const written = await restoreFiles({ ...configOf(target), files });
  const result = isOutdated
    ? await replace(tools, target, request.key, present)
    : asDesired(target, present);
  const beyondUs = files.filter(({ kind }) => kind === 'checksum').map(({ path }) => path);
  if (beyondUs.length > 0) {
    throw new Error(
      `${beyondUs.join(', ')} differs and the manifest gives only its checksum: put the file right, or give its content`,
    );
  }
  const wrote = written.length === 0 ? '' : `wrote ${written.join(', ')}; `;
  return { ...result, summary: wrote + result.summary };
}

/**
 * Command and environment are the manifest's; what cannot be read counts as right, and what does not
 * run where that is ignored.
 */
async function isAsDesired(
  { environment }: Tools,
  target: RuntimeTarget,
  present: RunningProcess | null,
): Promise<boolean> {
  if (present === null) return isLeft(target, '/running');
  const { command, env } = processOf(target);
  if (present.command !== null && !isSameCommand(present.command, command)) return false;
  const observed = await environment.observe(env, present);
  return Object.entries(observed ?? {}).every(
    ([name, value]) => value === env[name] || isLeft(target, pointerTo('env', name)),
  );
}

function isSameCommand(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

/** Starts anew what may run. All that can be known to fail is tried before anything is stopped. */
export async function replace(
  { context, environment }: Tools,
  target: RuntimeTarget,
  key: string,
  present: RunningProcess | null,
): Promise<StepResult> {
  const { command, env, limits } = processOf(target);
  const resolved = await environment.resolve(env);
  await checkProgram(command, workingFolder(target), resolved['PATH']);
  const prefix = await withinLimits(context, target.resource, limits);
  await stopProcess(context, target.resource, present);
  const identity = await startProcess(context, { target, key, environment: resolved, prefix });
  const pid = identity.split(':')[1] ?? '';
  const summary =
    present === null
      ? `started ${target.resource} as pid ${pid}`
      : `restarted ${target.resource}: pid ${present.pid} → ${pid}`;
  return { identity, summary };
}

/** The result of a step that was done before a crash, or null: then it is to be done. */
export async function findDone(tools: Tools, request: ExecuteRequest): Promise<StepResult | null> {
  const { target, step, key } = request;
  const present = await presentProcess(tools, target);
  const isOurs = present?.key === key;
  switch (step.action) {
    case 'stop':
      return present === null ? stopped(target, null) : null;
    case 'reload':
      // It leaves no trace. To read a configuration twice does no harm: what was begun is repeated.
      return null;
    case 'sync':
      if ((await differingFiles(configOf(target))).length > 0) return null;
      return isOurs || (await isAsDesired(tools, target, present))
        ? asDesired(target, present)
        : null;
    default:
      return present !== null && isOurs ? done(present, 'was started by this step') : null;
  }
}

function asDesired({ resource }: RuntimeTarget, present: RunningProcess | null): StepResult {
  if (present !== null) return done(present, 'runs as desired');
  return { identity: null, summary: `${resource} does not run, which its manifest ignores` };
}

function done(present: RunningProcess, what: string): StepResult {
  return { identity: present.identity, summary: `pid ${present.pid} ${what}` };
}

function stopped({ resource }: RuntimeTarget, present: RunningProcess | null): StepResult {
  const summary =
    present === null ? `${resource} does not run` : `stopped ${resource}, pid ${present.pid}`;
  return { identity: null, summary };
}

function targetChanged({ target, snapshot }: ExecuteRequest, present: RunningProcess): Error {
  return new TargetChangedError(
    `target changed: ${target.resource} is now ${present.identity}, and was ${snapshot.identity ?? 'not running'} when it was inspected`,
  );
}
