import { dirname } from 'node:path';
import type { ExecuteRequest, RuntimeTarget, StepResult } from '../../../domain/action/runtime';
import { sha256 } from '../../../platform/sha256';
import { observeFiles } from '../files/config-files';
import { makeFolder } from '../files/make-folder';
import { replaceAll, type FileState, type Replacement } from '../files/replace-all';
import { bringBack, keep } from './backups';
import { backupFolderOf, configSpecOf, filesOf, runFolderOf, type ConfigContext } from './context';
import { beforeFilesOf, isAsWanted, lookAt, remembered, type Look, type Remembered } from './look';
import { readConfigRecord, writeConfigRecord, type ConfigRecord } from './record';
import { tellReader, type Told } from './reload';

/** One step on the files of one resource. */
interface Call {
  context: ConfigContext;
  request: ExecuteRequest;
  folder: string;
  record: ConfigRecord | null;
}

type Verb = (context: ConfigContext, request: ExecuteRequest) => Promise<StepResult>;

export const VERBS: Readonly<Record<string, Verb>> = { sync, reload };

/** One checksum over all files: it changes with each of them. */
export async function identityOf(target: RuntimeTarget): Promise<string> {
  const { config } = await observeFiles(filesOf(target));
  return `sha256:${sha256(JSON.stringify(config))}`;
}

async function sync(context: ConfigContext, request: ExecuteRequest): Promise<StepResult> {
  const call = await callOf(context, request);
  const looks = await lookAt(request.target);
  const differing = looks.filter((look) => !isAsWanted(look));
  if (differing.length === 0 && !isHalfDone(call)) return result(call, 'the files are as desired');
  refuseChanged(call, looks);
  refuseUnknownContent(differing);
  await begin(call);
  const changes = differing.map(toWanted);
  await replace(call, changes);
  const told = await tellOrTakeBack(call, looks);
  return end(call, `wrote ${names(differing) || 'nothing more'}`, told);
}

async function reload(context: ConfigContext, request: ExecuteRequest): Promise<StepResult> {
  const call = await callOf(context, request);
  if (configSpecOf(request.target).reload === undefined)
    throw new Error(
      `${request.target.resource} has no \`reload\` in its manifest: nobody is to be told`,
    );
  if (isDone(call)) return result(call, 'the files were reloaded by this step');
  await begin(call);
  return end(call, 'wrote nothing', await tellReader(context, request));
}

/** Puts the files back as the snapshot shows them, all or none, then reloads; null for a reload. */
export async function restore(
  context: ConfigContext,
  request: ExecuteRequest,
): Promise<StepResult | null> {
  if (request.step.action !== 'sync') return null;
  const call = await callOf(context, request);
  const looks = await lookAt(request.target);
  const changed = looks.filter((look) => !isAsBefore(call, look));
  if (changed.length === 0 && !isHalfDone(call)) return result(call, 'the files are as before');
  refuseChanged(call, looks);
  await begin(call);
  await replace(call, await toBefore(call, changed));
  return end(
    call,
    `put back ${names(changed) || 'nothing more'}`,
    await tellReader(context, request),
  );
}

/** The result of a step that was begun before a crash, or null: what is left of it is to be done. */
export async function findDone(
  context: ConfigContext,
  request: ExecuteRequest,
): Promise<StepResult | null> {
  const call = await callOf(context, request);
  const { action } = request.step;
  // What stands is enough where nobody is to be told; else only the record knows that he was.
  if (!isDone(call) && (action === 'reload' || configSpecOf(request.target).reload !== undefined))
    return null;
  // What cannot be looked at is not done: execute will say why.
  const looks = await lookAt(request.target).catch(() => null);
  const isRight = request.key.endsWith('/restore')
    ? looks?.every((look) => isAsBefore(call, look))
    : looks?.every(isAsWanted);
  return action === 'reload' || isRight === true
    ? result(call, 'the files are as this step left them')
    : null;
}

async function callOf(context: ConfigContext, request: ExecuteRequest): Promise<Call> {
  const folder = runFolderOf(context, request.target);
  return { context, request, folder, record: await readConfigRecord(folder) };
}

function isDone({ record, request }: Call): boolean {
  return record?.key === request.key && record.isDone;
}

/** Begun by an attempt that crashed: its reader may not have been told. */
function isHalfDone({ record, request }: Call): boolean {
  return record?.key === request.key && !record.isDone;
}

async function begin({ folder, request }: Call): Promise<void> {
  await writeConfigRecord(folder, { key: request.key, isDone: false });
}

async function end(call: Call, what: string, told: Told | null): Promise<StepResult> {
  await writeConfigRecord(call.folder, { key: call.request.key, isDone: true });
  const summary = told === null ? what : `${what}; ${told.how}`;
  return result(call, summary, told?.output ?? []);
}

async function result(
  { request }: Call,
  summary: string,
  output: string[] = [],
): Promise<StepResult> {
  const identity = await identityOf(request.target);
  return { identity, summary, ...(output.length === 0 ? {} : { details: { output } }) };
}

/** A reader that refuses the new files gets the old ones back, and the step has failed. */
async function tellOrTakeBack(call: Call, looks: readonly Look[]): Promise<Told | null> {
  try {
    return await tellReader(call.context, call.request);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const written = (await lookAt(call.request.target)).filter((look) => !isAsBefore(call, look));
    await replace(call, await toBefore(call, written));
    const after = await tellReader(call.context, call.request).then(
      () => 'and reloaded',
      () => 'and the reload failed once more',
    );
    throw new Error(`${reason}; ${names(looks)} put back as before, ${after}`, { cause });
  }
}

async function replace({ context, request }: Call, changes: readonly Replacement[]): Promise<void> {
  const backups = backupFolderOf(context, request.target);
  try {
    for (const { path, from } of changes) {
      if (from !== null) await keep(backups, from);
      await makeFolder(dirname(path));
    }
    await replaceAll(changes);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new Error(`nothing was replaced, because of one file: ${message}`, { cause });
  }
}

function toWanted({ file, path, present, wanted }: Look): Replacement {
  const content = file.kind === 'content' ? Buffer.from(file.content) : present?.content;
  const to: FileState | null = content === undefined ? null : { ...wanted, content };
  return { path, from: present, to };
}

async function toBefore(
  { context, request }: Call,
  looks: readonly Look[],
): Promise<Replacement[]> {
  const backups = backupFolderOf(context, request.target);
  const before = beforeFilesOf(request.snapshot);
  const changes: Replacement[] = [];
  for (const { file, path, present } of looks) {
    const kept = before[file.path] ?? null;
    changes.push({
      path,
      from: present,
      to: kept === null ? null : await bringBack(backups, kept),
    });
  }
  return changes;
}

function isAsBefore({ request }: Call, { file, present }: Look): boolean {
  const before = beforeFilesOf(request.snapshot)[file.path] ?? null;
  return isSame(remembered(present), before);
}

function isSame(a: Remembered | null, b: Remembered | null): boolean {
  if (a === null || b === null) return a === b;
  return a.sha256 === b.sha256 && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

/** A content that is neither the snapshot's nor the manifest's is somebody else's work. */
function refuseChanged({ request }: Call, looks: readonly Look[]): void {
  const before = beforeFilesOf(request.snapshot);
  for (const { file, presentChecksum, wantedChecksum } of looks) {
    const known = [before[file.path]?.sha256 ?? null, wantedChecksum];
    if (known.includes(presentChecksum)) continue;
    throw new Error(`target changed: ${file.path} was edited since it was inspected`);
  }
}

function refuseUnknownContent(differing: readonly Look[]): void {
  const beyondUs = differing.filter(
    ({ file, presentChecksum, wantedChecksum }) =>
      file.kind === 'checksum' && presentChecksum !== wantedChecksum,
  );
  if (beyondUs.length === 0) return;
  throw new Error(
    `${names(beyondUs)} differs and the manifest gives only its checksum: put the file right, or give its content; nothing was written`,
  );
}

function names(looks: readonly Look[]): string {
  return looks.map(({ file }) => file.path).join(', ');
}
