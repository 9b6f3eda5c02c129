import type { ExecuteRequest, StepResult } from '../../../domain/action/runtime';
import { isLeft } from '../../../domain/drift/repair';
import {
  identityOf,
  isRestore,
  readSet,
  refuseIfChanged,
  type Container,
  type ReplicaSet,
} from './containers';
import { dockerOf, type DockerContext } from './context';
import { becomeHealthy } from './health';
import { tailOf } from './logs';
import { isInShape, makeAndStart, reshape, type Act, type Reshaping } from './reshape';
import { desiredModel, modelOf, numbers, restoring, scaling, syncing, updating } from './shapes';
import { swap, tidy } from './swap';

/** The verbs whose effect can be undone, and how each makes its aim. */
const SHAPING: Readonly<Record<string, (request: ExecuteRequest, set: ReplicaSet) => Reshaping>> = {
  scale: scaling,
  update: updating,
  sync: syncing,
};

/**
 * A restart makes each container anew instead of starting the old one again: a label cannot be
 * changed on a container that is there, and only a label tells this step's restart from anybody
 * else's, whatever dies in between. Spec and image are the old container's own, not the manifest's.
 */
async function restart(act: Act): Promise<StepResult> {
  const { context, request, signal } = act;
  const { target, key } = request;
  const set = await begin(act);
  if (set.current.length === 0) return makeAll(act, set);
  const logs: string[] = [];
  for (const [i, old] of set.current.entries()) {
    if (old.key === key) continue;
    if (i > 0) {
      signal.throwIfAborted();
      await assertHealthy(act, set.current[i - 1]?.replica ?? 0);
    }
    const given = { target, key, old, wanted: modelOf(old) };
    logs.push(...(await swap(context, { ...given, until: 'started' }, set)));
  }
  return resultOf(act, `restarted ${containers(set.current.length)} of ${target.resource}`, logs);
}

/** A rolling restart goes no further once a new container is not healthy: the others still serve. */
async function assertHealthy({ context, request }: Act, replica: number): Promise<void> {
  const { resource } = request.target;
  const { current } = await readSet(context, resource);
  const before = current.find((one) => one.replica === replica);
  if (before === undefined) return;
  const verdict = await becomeHealthy(context.engine, before.id, dockerOf(request.target));
  if (verdict.kind === 'healthy') return;
  throw new Error(
    `${resource}: container ${replica} did not become healthy after its restart (${verdict.why}), so the others were left as they are`,
  );
}

async function makeAll(act: Act, set: ReplicaSet): Promise<StepResult> {
  const { context, request } = act;
  const made = await bringUp(context, request, set);
  return resultOf(act, `started ${containers(made)} of ${request.target.resource}`);
}

async function start(act: Act): Promise<StepResult> {
  // What somebody else started meanwhile is as it should be: this verb says what is to be.
  const { context, request } = act;
  const set = await tidy(context, { ...request.target, key: request.key }, await read(act));
  return makeAll(act, set);
}

/** Starts what does not run and makes what is missing; how many that were. */
export async function bringUp(
  context: DockerContext,
  asked: Pick<ExecuteRequest, 'target' | 'key'>,
  { current }: ReplicaSet,
): Promise<number> {
  const { target } = asked;
  const [first] = current;
  const model = first === undefined ? desiredModel(target) : modelOf(first);
  const stopped = current.filter(({ isRunning }) => !isRunning);
  for (const { id } of stopped) await context.engine.start(id);
  const count = Math.max(current.length, dockerOf(target).replicas);
  const missing = numbers(current, count).filter(
    (n) => !current.some(({ replica }) => replica === n),
  );
  for (const replica of missing) await makeAndStart(context, asked, { replica, ...model });
  return stopped.length + missing.length;
}

async function stop(act: Act): Promise<StepResult> {
  const { context, request } = act;
  const { current, extra } = await begin(act);
  const running = [...current, ...extra].filter(({ isRunning }) => isRunning);
  for (const { id, spec } of running) await context.engine.stop(id, spec.stopTimeout);
  const what = `stopped ${containers(running.length)} of ${request.target.resource}`;
  return resultOf(act, what, await tails(context, running));
}

async function pause(act: Act): Promise<StepResult> {
  const { context, request } = act;
  const running = runningOnes(request, await begin(act));
  for (const { id, isPaused } of running) if (!isPaused) await context.engine.pause(id);
  const what = `paused ${containers(running.length)} of ${request.target.resource}`;
  return resultOf(act, what, await tails(context, running));
}

async function unpause(act: Act): Promise<StepResult> {
  const { context, request } = act;
  const running = runningOnes(request, await begin(act));
  for (const { id, isPaused } of running) if (isPaused) await context.engine.unpause(id);
  return resultOf(act, `let ${containers(running.length)} of ${request.target.resource} go on`);
}

function runningOnes({ target }: ExecuteRequest, { current, extra }: ReplicaSet): Container[] {
  const running = [...current, ...extra].filter(({ isRunning }) => isRunning);
  if (running.length === 0) throw new Error(`${target.resource} has no container that runs`);
  return running;
}

/** scale, update and sync. */
async function bringIntoShape(act: Act): Promise<StepResult> {
  const { request } = act;
  const set = await begin(act);
  if (isLeftStopped(request)) return resultOf(act, leftStopped(request));
  const given = SHAPING[request.step.action]?.(request, set);
  if (given === undefined) throw new Error(`${request.step.action} shapes no set`);
  return shapeAs(act, { given, set });
}

/** Of a set that does not run, and whose manifest leaves that to others, nothing is made or swapped. */
function isLeftStopped({ target, step }: ExecuteRequest): boolean {
  return step.action === 'sync' && isLeft(target, '/running');
}

function leftStopped({ target }: ExecuteRequest): string {
  return `sync: ${target.resource} does not run, which its manifest ignores`;
}

/** Null: what the step did cannot be undone. */
export async function restore(act: Act): Promise<StepResult | null> {
  const given = restoring(act.request);
  if (!isUndoable(act.request) || given === null) return null;
  return shapeAs(act, { given, set: await begin(act) });
}

async function shapeAs(
  act: Act,
  { given, set }: { given: Reshaping; set: ReplicaSet },
): Promise<StepResult> {
  const { request } = act;
  const logs = await reshape(act, given, set);
  return resultOf(act, shapeSummary(request, set.current.length, given.shape.size), logs);
}

function shapeSummary(request: ExecuteRequest, from: number, to: number): string {
  const { target, step } = request;
  const what = isRestore(request) ? `undid ${step.action} of` : `${step.action}:`;
  const count = from === to ? containers(to) : `${from} → ${containers(to)}`;
  return `${what} ${target.resource}, ${count}`;
}

function isUndoable({ step }: ExecuteRequest): boolean {
  return Object.hasOwn(SHAPING, step.action);
}

export const VERBS: Readonly<Record<string, (act: Act) => Promise<StepResult>>> = {
  ...{ restart, start, stop, pause, unpause },
  ...{ scale: bringIntoShape, update: bringIntoShape, sync: bringIntoShape },
};

/** The result of a step that was done before a crash, or null: then it is to be done. */
export async function findDone(
  context: DockerContext,
  request: ExecuteRequest,
): Promise<StepResult | null> {
  const set = await readSet(context, request.target.resource);
  if (!(await isDone(context, request, set))) return null;
  const { action } = request.step;
  const what = isRestore(request) ? `${action} was undone` : `${action} was done`;
  return {
    identity: identityOf(set.current),
    summary: `${what}: ${request.target.resource}, ${containers(set.current.length)}`,
  };
}

async function isDone(
  context: DockerContext,
  request: ExecuteRequest,
  set: ReplicaSet,
): Promise<boolean> {
  if (isLeftStopped(request)) return true;
  if (isUndoable(request)) {
    const given = isRestore(request) ? restoring(request) : shapeOf(request, set);
    return given !== null && isInShape(context, request, { given, set });
  }
  const running = [...set.current, ...set.extra].filter(({ isRunning }) => isRunning);
  const some = (all: readonly Container[], is: (one: Container) => boolean): boolean =>
    all.length > 0 && all.every(is);
  switch (request.step.action) {
    case 'stop':
      return running.length === 0;
    case 'start':
      return some(set.current, ({ isRunning }) => isRunning);
    case 'pause':
      return some(running, ({ isPaused }) => isPaused);
    case 'unpause':
      return some(running, ({ isPaused }) => !isPaused);
    default:
      return set.next.length === 0 && some(set.current, (one) => isMadeBy(one, request));
  }
}

function isMadeBy({ key, wasStarted }: Container, request: ExecuteRequest): boolean {
  return key === request.key && wasStarted;
}

/** Null: there is none to be had, and the act itself will say why. */
function shapeOf(request: ExecuteRequest, set: ReplicaSet): Reshaping | null {
  try {
    return SHAPING[request.step.action]?.(request, set) ?? null;
  } catch {
    return null;
  }
}

/** The set as it is, after what others left behind was put right; refuses a target that changed. */
async function begin(act: Act): Promise<ReplicaSet> {
  const { context, request } = act;
  const set = await read(act);
  refuseIfChanged(request, set);
  return tidy(context, { ...request.target, key: request.key }, set);
}

function read({ context, request }: Act): Promise<ReplicaSet> {
  return readSet(context, request.target.resource);
}

async function resultOf(act: Act, summary: string, logs: string[] = []): Promise<StepResult> {
  const { current } = await read(act);
  const identity = identityOf(current);
  return { identity, summary, ...(logs.length === 0 ? {} : { details: { logs } }) };
}

async function tails(context: DockerContext, some: readonly Container[]): Promise<string[]> {
  return (await Promise.all(some.map((one) => tailOf(context, one)))).flat();
}

function containers(count: number): string {
  return count === 1 ? '1 container' : `${count} containers`;
}
