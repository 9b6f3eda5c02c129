import { join } from 'node:path';
import {
  UnknownEffectError,
  type ExecuteRequest,
  type StepResult,
} from '../../../domain/action/runtime';
import { isLeft } from '../../../domain/drift/repair';
import type { ConfigFile } from '../../../domain/resource';
import { differingFiles, restoreFiles, type ConfigFiles } from '../files/config-files';
import { resourceFolder } from '../process/context';
import { configOf, unitOf, type SystemdContext } from './context';
import { journalTail } from './journal';
import { ownReason, readSelf } from './own-units';
import { isUp, stateLine, type UnitState } from './properties';
import { readUnitRecord, writeUnitRecord } from './record';
import { runJob, showUnit, type Job } from './systemctl';

/** One step on one unit, and how the unit stands. */
interface Call {
  context: SystemdContext;
  request: ExecuteRequest;
  folder: string;
  present: UnitState;
}

type Verb = (call: Call) => Promise<StepResult>;

const VERBS: Readonly<Record<Job | 'sync', Verb>> = {
  restart,
  start,
  stop,
  reload,
  'reset-failed': resetFailed,
  sync,
};

export function verbOf(
  action: string,
): ((context: SystemdContext, request: ExecuteRequest) => Promise<StepResult>) | null {
  if (!Object.hasOwn(VERBS, action)) return null;
  const job = action as keyof typeof VERBS;
  return async (context, request) => {
    const call = await callOf(context, request);
    refuseWhatIsNotThere(call);
    refuseOwnUnits(call, job);
    return VERBS[job](call);
  };
}

/** The result of a step that was begun before a crash; null: it is to be done, or done once more. */
export async function findDone(
  context: SystemdContext,
  request: ExecuteRequest,
): Promise<StepResult | null | 'unknowable'> {
  const call = await callOf(context, request);
  switch (request.step.action) {
    case 'restart':
      return standsDone(await standing(call), call);
    case 'start':
      return isUp(call.present) ? result(call, 'is active') : null;
    case 'stop':
      return isUp(call.present) ? null : result(call, 'is stopped');
    case 'sync':
      return (await isSynced(call)) ? result(call, 'runs as desired') : null;
    default:
      // A reload leaves no trace, and may be repeated.
      return null;
  }
}

async function restart(call: Call): Promise<StepResult> {
  const { request, folder, present } = call;
  const stands = await standing(call);
  const done = standsDone(stands, call);
  if (done === 'unknowable') {
    throw new UnknownEffectError('the restart was begun, and systemd has forgotten the unit since');
  }
  if (done !== null) return done;
  if (stands === 'fresh') refuseChanged(call);
  const record = { key: request.key, from: present.invocationId };
  await writeUnitRecord(folder, { ...record, isDone: false });
  const after = await does(call, 'restart');
  await writeUnitRecord(folder, { ...record, isDone: true });
  return result({ ...call, present: after }, `was restarted, and was ${stateLine(present)}`);
}

async function start(call: Call): Promise<StepResult> {
  if (isUp(call.present)) return result(call, 'is active already');
  return result({ ...call, present: await does(call, 'start') }, 'was started');
}

async function stop(call: Call): Promise<StepResult> {
  if (!isUp(call.present)) return result(call, 'is stopped already');
  refuseChanged(call);
  return result({ ...call, present: await does(call, 'stop') }, 'was stopped');
}

async function reload(call: Call): Promise<StepResult> {
  refuseNoReload(unitOf(call.request.target).unit, call.present);
  return result({ ...call, present: await does(call, 'reload') }, 'was reloaded');
}

async function resetFailed(call: Call): Promise<StepResult> {
  if (call.present.activeState === 'inactive') return result(call, 'had not failed');
  return result({ ...call, present: await does(call, 'reset-failed') }, 'is failed no more');
}

/** Writes config files that differ and has the unit read them; starts the unit where it is not up. */
async function sync(call: Call): Promise<StepResult> {
  const { request, folder, present } = call;
  const config = configOf(request.target);
  const files = await differingFiles(config);
  if (isLeftStopped(call)) return syncFiles(call, { ...config, files });
  const stands = await standing(call);
  const job = syncJob(present, files.length > 0 || stands === 'begun');
  if (job === null) return result(call, 'runs as desired');
  if (job === 'restart' && stands === 'fresh') refuseChanged(call);
  const record = { key: request.key, from: present.invocationId };
  await writeUnitRecord(folder, { ...record, isDone: false });
  const written = await restoreFiles({ ...config, files });
  const after = await does(call, job);
  await writeUnitRecord(folder, { ...record, isDone: true });
  refuseUnknownContent(files);
  return result({ ...call, present: after }, `had its ${job}${wrote(written)}`);
}

/** Its next start, whoever does it, reads them. */
async function syncFiles(call: Call, config: ConfigFiles): Promise<StepResult> {
  const written = await restoreFiles(config);
  refuseUnknownContent(config.files);
  return result(call, `is not up, which its manifest ignores${wrote(written)}`);
}

function wrote(paths: readonly string[]): string {
  return paths.length === 0 ? '' : `; wrote ${paths.join(', ')}`;
}

function isLeftStopped({ request: { target }, present }: Call): boolean {
  return !isUp(present) && isLeft(target, '/running');
}

/** What makes a unit run with the files that it has; null: it does. */
function syncJob(present: UnitState, isToRead: boolean): Job | null {
  if (!isUp(present)) return 'start';
  if (!isToRead) return null;
  return present.canReload ? 'reload' : 'restart';
}

async function isSynced(call: Call): Promise<boolean> {
  const files = await differingFiles(configOf(call.request.target));
  if (files.length > 0) return false;
  if (isLeftStopped(call)) return true;
  return isUp(call.present) && (await standing(call)) !== 'begun';
}

function refuseUnknownContent(files: readonly ConfigFile[]): void {
  const beyondUs = files.filter(({ kind }) => kind === 'checksum').map(({ path }) => path);
  if (beyondUs.length === 0) return;
  throw new Error(
    `${beyondUs.join(', ')} differs and the manifest gives only its checksum: put the file right, or give its content`,
  );
}

type Standing = 'fresh' | 'begun' | 'done' | 'unknowable';

/** How far a restart with this key has come. */
async function standing({ request, folder, present }: Call): Promise<Standing> {
  const record = await readUnitRecord(folder);
  if (record?.key !== request.key) return 'fresh';
  if (record.isDone) return 'done';
  // Of a unit that ended and was unloaded nothing is left to tell by.
  if (present.invocationId === null) return 'unknowable';
  return present.invocationId === record.from ? 'begun' : 'done';
}

function standsDone(
  stands: Standing,
  call: Call,
): StepResult | null | Promise<StepResult> | 'unknowable' {
  if (stands === 'done') return result(call, 'was restarted by this step');
  return stands === 'unknowable' ? stands : null;
}

/** Runs the job and shows what came of it. Throws where systemd says that it failed. */
async function does({ context, request }: Call, job: Job): Promise<UnitState> {
  const unit = unitOf(request.target);
  const failure = await runJob(context, unit, job);
  const after = await showUnit(context, unit);
  if (failure === null) return after;
  const last = (await journalTail(context, unit))?.at(-1);
  const status = after.exitStatus === null ? '' : `, status ${after.exitStatus}`;
  throw new Error(
    `${job} ${unit.unit} failed: ${failure} It is ${stateLine(after)}: ${after.result}${status}${last === undefined ? '' : `; its last line: ${last}`}`,
  );
}

async function callOf(context: SystemdContext, request: ExecuteRequest): Promise<Call> {
  const { target } = request;
  return {
    context,
    request,
    folder: resourceFolder(join(context.home, 'run'), target.resource),
    present: await showUnit(context, unitOf(target)),
  };
}

function refuseWhatIsNotThere({ request, present }: Call): void {
  const { unit, scope } = unitOf(request.target);
  if (present.loadState === 'loaded') return;
  throw new Error(
    `the ${scope} manager cannot act on ${unit}: it is ${present.loadState}; \`systemctl${scope === 'user' ? ' --user' : ''} status ${unit}\` says more`,
  );
}

export function refuseNoReload(unit: string, { loadState, canReload }: UnitState): void {
  if (loadState === 'loaded' && !canReload) {
    throw new Error(`${unit} cannot reload: it has no ExecReload=; restart it instead`);
  }
}

/** Also a reload: it may end with a restart, and what it tells, it tells the hand that does it. */
function refuseOwnUnits({ request, present }: Call, job: string): void {
  const { unit, allowSelf } = unitOf(request.target);
  if (allowSelf === true || job === 'start' || job === 'reset-failed') return;
  const reason = ownReason(present, readSelf());
  if (reason === null) return;
  throw new Error(
    `${job} ${unit} refused: ${reason}; \`allowSelf: true\` in its manifest allows it`,
  );
}

/** Since the snapshot somebody else started it anew: what was decided no longer applies. */
function refuseChanged({ request, present }: Call): void {
  const before = request.snapshot.before as Partial<Before> | undefined;
  const { invocationId, automaticRestarts } = present;
  if (before === undefined || invocationId === null || invocationId === before.invocationId) return;
  // systemd's own restarts are no decision of anybody: a unit that keeps crashing stays a target.
  if (automaticRestarts > (before.automaticRestarts ?? 0)) return;
  throw new Error(
    `target changed: ${request.target.resource} is now ${invocationId}, and was ${before.invocationId ?? 'not started'} when it was inspected`,
  );
}

/** What a snapshot holds of a unit. */
export type Before = Pick<
  UnitState,
  'invocationId' | 'automaticRestarts' | 'activeSinceUs' | 'activeState'
>;

/** Changes with every start; null while it is not up. */
export function identityOf(state: UnitState): string | null {
  return isUp(state) ? state.invocationId : null;
}

async function result({ context, request, present }: Call, what: string): Promise<StepResult> {
  const unit = unitOf(request.target);
  const journal = await journalTail(context, unit);
  return {
    identity: identityOf(present),
    summary: `${unit.unit} ${what}; it is ${stateLine(present)}`,
    details: {
      invocationId: present.invocationId,
      automaticRestarts: present.automaticRestarts,
      exitStatus: present.exitStatus,
      journal,
    },
  };
}
