import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { openFileJournal, type FileJournal } from '../../../activities/journal-file';
import type { JournalEntry } from '../../../domain/action/journal';
import { writeDurably } from '../../../platform/durable-file';
import { describeJournal } from './contract';
import { waitFor } from '../../support/wait';

const DAY_MS = 86_400_000;
const SNAPSHOT = { identity: 'one', takenAt: 1 };
const RESULT = { identity: 'two', summary: 'done' };

const made: string[] = [];
function makeFolder(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'vigil-journal-')), 'journal');
  made.push(folder);
  return folder;
}
afterAll(() => {
  for (const folder of made) rmSync(join(folder, '..'), { recursive: true, force: true });
});

function open(folder: string, more: Partial<Parameters<typeof openFileJournal>[0]> = {}) {
  return openFileJournal({ folder, now: Date.now, ...more });
}

describe('the journal in files', () => {
  let folder: string;
  let journal: FileJournal;
  beforeAll(async () => {
    folder = makeFolder();
    journal = await open(folder);
  });

  describeJournal(() => ({ journal, reopen: () => open(folder) }));
});

const at = (actionId: string, token = 1) => ({ actionId, step: 0, target: 'test/web', token });

/** Where in its write a process dies: before a byte of the draft, or around the rename. */
type Crash = { at: 'byte'; share: number } | { at: 'renamed' };

class Crashed extends Error {}

/** A write that dies: what it leaves in the folder is what a killed process leaves. */
function dying(crash: Crash): (path: string, content: string) => Promise<void> {
  return async (path, content) => {
    if (crash.at === 'renamed') await writeDurably(path, content);
    else writeFileSync(`${path}.dead.draft`, content.slice(0, crash.share * content.length));
    throw new Crashed();
  };
}

const crash = fc.oneof(
  fc.record({
    at: fc.constant('byte' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ at: fc.constant('renamed' as const) }),
);
const operation = fc.record({
  kind: fc.constantFrom('begin' as const, 'end' as const),
  action: fc.constantFrom('a', 'b', 'c'),
  token: fc.integer({ min: 1, max: 4 }),
  /** The write that dies, counted within the operation; beyond its writes: none does. */
  dies: fc.option(fc.record({ write: fc.integer({ min: 0, max: 2 }), crash }), { nil: null }),
});

interface World {
  highest: number;
  /** Acknowledged to the caller; a crash in the middle may have got further. */
  begun: Set<string>;
  ended: Set<string>;
  maybeBegun: Set<string>;
  maybeEnded: Set<string>;
}

function check(
  entry: JournalEntry,
  { action, token }: { action: string; token: number },
  world: World,
): void {
  if (entry.kind === 'stale') {
    expect(token).toBeLessThan(entry.highest);
    return;
  }
  // Never below an acknowledged fence, never fresh again once begun, never forgotten once ended.
  expect(token).toBeGreaterThanOrEqual(world.highest);
  if (world.ended.has(action)) expect(entry).toEqual({ kind: 'ended', result: RESULT });
  else if (entry.kind === 'ended') expect(world.maybeEnded).toContain(action);
  else if (world.begun.has(action)) expect(entry.kind).toBe('begun');
  else if (entry.kind === 'begun') expect(world.maybeBegun).toContain(action);
}

test('whatever byte of a write a process dies at, nothing acknowledged is lost and nothing is begun twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 12 }), async (operations) => {
      const folder = makeFolder();
      const world: World = {
        highest: 0,
        begun: new Set(),
        ended: new Set(),
        maybeBegun: new Set(),
        maybeEnded: new Set(),
      };
      for (const { kind, action, token, dies } of operations) {
        let writes = 0;
        // Every operation is a process of its own.
        const journal = await open(folder, {
          write: (path, content) =>
            dies !== null && dies.write === writes++
              ? dying(dies.crash)(path, content)
              : writeDurably(path, content),
        });
        try {
          const entry = await journal.begin(at(action, token), SNAPSHOT);
          check(entry, { action, token }, world);
          if (entry.kind === 'stale') continue;
          world.highest = Math.max(world.highest, token);
          world.begun.add(action);
          if (kind === 'begin' || entry.kind === 'ended') continue;
          world.maybeEnded.add(action);
          await journal.end(at(action, token), RESULT);
          world.ended.add(action);
        } catch (error) {
          if (!(error instanceof Crashed)) throw error;
          world.maybeBegun.add(action);
        }
      }
      const survivor = await open(folder);
      expect(await survivor.fence('test/web')).toBeGreaterThanOrEqual(world.highest);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('a file that something else damaged counts as begun, and its end can still be written', async () => {
  const folder = makeFolder();
  const journal = await open(folder);
  await journal.begin(at('a'), SNAPSHOT);
  writeFileSync(join(folder, 'steps', 'a.0.json'), '{"target":"test/w');
  const later = { identity: 'two', takenAt: 2 };
  expect(await journal.begin(at('a'), later)).toEqual({ kind: 'begun', snapshot: later });
  await journal.end(at('a'), RESULT);
  expect(await journal.begin(at('a'), later)).toEqual({ kind: 'ended', result: RESULT });
});

test('a damaged fence stops every effect on its target and says what to do', async () => {
  const folder = makeFolder();
  const journal = await open(folder);
  await journal.begin(at('a'), SNAPSHOT);
  const [name = ''] = readdirSync(join(folder, 'fences'));
  writeFileSync(join(folder, 'fences', name), '');
  await expect(journal.begin(at('b', 9), SNAPSHOT)).rejects.toThrow(/damaged.*put it back/);
});

test('an id that leads out of the folder is refused', async () => {
  const journal = await open(makeFolder());
  await expect(journal.begin(at('../a'), SNAPSHOT)).rejects.toThrow('no id of an action');
});

test('compaction drops what ended a week ago and drafts of the dead, and keeps the rest', async () => {
  const folder = makeFolder();
  let now = Date.now() - 8 * DAY_MS;
  const journal = await open(folder, { now: () => now });
  await journal.begin(at('begun'), SNAPSHOT);
  await journal.begin(at('old', 2), SNAPSHOT);
  await journal.end(at('old', 2), RESULT);
  now = Date.now();
  await journal.begin(at('new', 3), SNAPSHOT);
  await journal.end(at('new', 3), RESULT);
  const draft = (name: string, ageMs: number): void => {
    const path = join(folder, 'steps', name);
    writeFileSync(path, '{');
    utimesSync(path, (now - ageMs) / 1000, (now - ageMs) / 1000);
  };
  draft('x.0.json.1.draft', DAY_MS);
  draft('y.0.json.2.draft', 0);
  expect(await journal.compact()).toBe(2);
  expect(readdirSync(join(folder, 'steps')).sort()).toEqual([
    'begun.0.json',
    'new.0.json',
    'y.0.json.2.draft',
  ]);
  expect(await journal.fence('test/web')).toBe(3);
});

interface Child {
  process: ChildProcess;
  said: string[];
}

const children: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
});

function start(folder: string, mode: string): Child {
  const child = fork(join(__dirname, 'child.ts'), [folder, mode], {
    execArgv: ['--require', join(__dirname, '../../support/typescript-hook.cjs')],
  });
  children.push(child);
  const said: string[] = [];
  child.on('message', (message) => said.push(message as string));
  return { process: child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

test('processes killed with -9 while they write lose nothing that they were told is durable', async () => {
  const folder = makeFolder();
  for (let round = 0; round < 6; round++) {
    const child = start(folder, 'write');
    await waitFor('the child to write', () => child.said.length > 3 + round * 2, 20_000);
    await kill(child.process);
    const journal = await open(folder);
    for (const [action = '', kind] of child.said.map((text) => text.split(' '))) {
      const entry = await journal.begin({ ...at(action, 1_000_000), target: action }, SNAPSHOT);
      expect(['ended', kind]).toContain(entry.kind);
    }
  }
}, 120_000);

test('the lock of a target goes with the process that held it', async () => {
  const folder = makeFolder();
  const holder = start(folder, 'hold');
  await waitFor('the child to hold the lock', () => holder.said.includes('held'), 20_000);
  const journal = await open(folder);
  const take = (): Promise<boolean> =>
    journal.withTargetLock('test/web', { waitMs: 0 }, () => Promise.resolve(true));
  await expect(take()).rejects.toThrow('another attempt has worked on test/web');
  await kill(holder.process);
  await pause(0);
  expect(await waitFor('the lock', () => take().catch(() => false))).toBe(true);
}, 60_000);
