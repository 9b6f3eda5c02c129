import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { openFileJournal } from '../../activities/journal-file';
import { createRuntimeActivities, type ExecuteInput } from '../../activities/runtime';
import type { Journal } from '../../domain/action/journal';
import type { Runtime, Snapshot } from '../../domain/action/runtime';
import { NO_EFFECT, UNKNOWN_EFFECT } from '../../workflows/contract';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { service } from '../support/manifest-objects';

/** Failures are answers here, not something to log. */
const QUIET = new DefaultLogger('ERROR', () => undefined);
const CLAIM = 'host/a/1@here';
let home: string;
let journal: Journal;
let runtime: CountingRuntime;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'vigil-runtime-'));
  journal = await openFileJournal({ folder: join(home, 'journal'), now: Date.now });
  runtime = createCountingRuntime(home);
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const SNAPSHOT: Snapshot = { identity: '#0', takenAt: 1, takenBy: CLAIM };

function ask(changes: Partial<ExecuteInput> = {}, snapshot = SNAPSHOT): ExecuteInput {
  const actionId = changes.actionId ?? randomUUID();
  const target = { resource: 'default/web', spec: service('web').service ?? never() };
  const step = { action: 'restart', params: {} };
  const request = { key: `${actionId}/0`, step, target, snapshot };
  return { actionId, step: 0, token: 1, request, ...changes };
}

function never(): never {
  throw new Error('the manifest has no Service');
}

function activities(one: Runtime = runtime) {
  const runtimes = new Map([['process', one]]);
  return createRuntimeActivities({ journal, runtimes, home, claim: CLAIM });
}

function perform<T>(
  activity: (input: ExecuteInput) => Promise<T>,
  input: ExecuteInput,
): Promise<T> {
  return new MockActivityEnvironment({ attempt: 1 }, { logger: QUIET }).run(activity, input);
}

function execute(input: ExecuteInput, one?: Runtime) {
  return perform((given) => activities(one).execute(given), input);
}

/** What a crash between begin and effect leaves. */
async function begin(input: ExecuteInput): Promise<void> {
  const { actionId, step, token, request } = input;
  await journal.begin({ actionId, step, token, target: request.target.resource }, request.snapshot);
}

test('a look says which worker took it', async () => {
  const { target, step } = ask().request;
  expect(await activities().inspect({ target, step })).toMatchObject({
    identity: '#0',
    takenBy: CLAIM,
  });
  expect(await activities().inspect(target)).toMatchObject({ identity: '#0', takenBy: CLAIM });
});

test('a file PAUSE stops an effect before it begins, with its content as the reason', async () => {
  writeFileSync(join(home, 'PAUSE'), 'the disk is being swapped\n');
  const input = ask();
  await expect(execute(input)).rejects.toMatchObject({
    type: NO_EFFECT.paused,
    message: 'the disk is being swapped',
    nonRetryable: true,
  });
  expect(runtime.effects()).toEqual([]);
  expect(readdirSync(join(home, 'journal', 'steps'))).toEqual([]);
  rmSync(join(home, 'PAUSE'));
  await execute(input);
  expect(runtime.effects()).toEqual([input.request.key]);
});

test('what comes after its confirmation has run out is not begun', async () => {
  await expect(execute(ask({ notAfter: Date.now() - 1500 }))).rejects.toMatchObject({
    type: NO_EFFECT.hostAway,
    message: expect.stringMatching(/^came \d+ s after its confirmation had run out$/) as string,
  });
  expect(runtime.effects()).toEqual([]);
  await execute(ask({ notAfter: Date.now() + 60_000 }));
  expect(runtime.effects()).toHaveLength(1);
});

test('what another worker of the same host looked at is not acted on', async () => {
  const other = { ...SNAPSHOT, takenBy: 'host/a/2@there' };
  await expect(execute(ask({}, other))).rejects.toMatchObject({
    type: NO_EFFECT.hostAway,
    message: `two workers claim one host: host/a/2@there looked, and ${CLAIM} was to act`,
  });
  expect(runtime.effects()).toEqual([]);
});

test.each([
  [
    'paused',
    () => {
      writeFileSync(join(home, 'PAUSE'), '');
    },
    {},
  ],
  ['late', () => undefined, { notAfter: 1 }],
])('begun before and now %s: what was done is told, else nobody knows', async (_, hinder, late) => {
  const undone = ask(late);
  const done = ask(late);
  await begin(undone);
  await execute({ ...done, notAfter: Date.now() + 60_000 });
  hinder();
  await expect(execute(undone)).rejects.toMatchObject({ type: UNKNOWN_EFFECT });
  expect((await execute(done)).summary).toBe('wrote a line');
  expect(runtime.effects()).toEqual([done.request.key]);
});

test('a step begun before keeps the aim that it began with, whatever was looked at since', async () => {
  const first = { ...SNAPSHOT, aim: { to: 3 } };
  const input = ask({}, first);
  await begin(input);
  const seen: Snapshot[] = [];
  const noting: Runtime = {
    ...runtime,
    execute(request, signal) {
      seen.push(request.snapshot);
      return runtime.execute(request, signal);
    },
  };
  await execute(ask({ actionId: input.actionId }, { ...SNAPSHOT, aim: { to: 4 } }), noting);
  expect(seen).toEqual([first]);
});

test('a token below the highest obeyed is refused before anything is done', async () => {
  await execute(ask({ token: 5 }));
  await expect(execute(ask({ token: 4 }))).rejects.toMatchObject({ type: 'StaleToken' });
  expect(runtime.effects()).toHaveLength(1);
});

describe('restore', () => {
  const restored: Snapshot[] = [];
  const restoring = (): Runtime => ({
    ...runtime,
    restore(request) {
      restored.push(request.snapshot);
      return Promise.resolve({ identity: '#0', summary: request.key });
    },
  });
  beforeEach(() => restored.splice(0));

  const undo = (input: ExecuteInput, one: Runtime) =>
    perform((given) => activities(one).restore(given), {
      ...input,
      request: { ...input.request, key: `${input.request.key}/restore` },
    });

  test('brings back what stood when the step began, once', async () => {
    const first = { ...SNAPSHOT, before: { replicas: 2 } };
    const input = ask({}, first);
    await execute(input);
    const later = { ...input, request: { ...input.request, snapshot: SNAPSHOT } };
    const result = { identity: '#0', summary: `${input.actionId}/0/restore` };
    expect(await undo(later, restoring())).toEqual(result);
    expect(await undo(later, restoring())).toEqual(result);
    expect(restored).toEqual([first]);
  });

  test('of a runtime that can undo nothing is null, and journals nothing', async () => {
    const input = ask();
    const unable = { ...runtime };
    delete unable.restore;
    expect(await undo(input, unable)).toBeNull();
    expect(readdirSync(join(home, 'journal', 'steps'))).toEqual([]);
  });

  test('is an effect like any other: PAUSE stops it', async () => {
    const input = ask();
    await execute(input);
    writeFileSync(join(home, 'PAUSE'), '');
    await expect(undo(input, restoring())).rejects.toMatchObject({
      type: NO_EFFECT.paused,
      message: 'by hand',
    });
    expect(restored).toEqual([]);
  });
});
