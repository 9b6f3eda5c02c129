/** What people do to files by hand, and what Vigil and people do about it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pointerTo } from '../../domain/drift/normalise';
import { startDriftScenario, type DriftScenario } from '../support/drift-scenario';
import { waitFor } from '../support/wait';

jest.setTimeout(60_000);

let scenario: DriftScenario;
let path: string;
let pointer: string;

beforeEach(async () => {
  scenario = await startDriftScenario();
  path = join(scenario.folder, 'web.conf');
  pointer = pointerTo('config', path);
});
afterEach(() => scenario.stop());

function manifest(sync: string, content = 'answer = 42'): string {
  return `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: { type: config }
  config: [{ path: ${path}, content: "${content}" }]
  sync: { mode: heal, ${sync} }
`;
}

const present = (): string => readFileSync(path, 'utf8');

async function healed(count: number): Promise<void> {
  await waitFor(
    `${count} repairs`,
    async () => {
      const outcomes = await scenario.outcomes('web');
      return outcomes.filter((outcome) => outcome === 'succeeded').length === count;
    },
    30_000,
  );
}

async function post(url: string, payload: object): Promise<void> {
  const answer = await scenario.api.app.inject({ method: 'POST', url: `/api/v1${url}`, payload });
  if (answer.statusCode >= 300) throw new Error(answer.body);
}

test('a changed file names who wrote it, is put right once, and again when it is changed again', async () => {
  await scenario.apply(manifest('cooldown: 1s'));
  await healed(1);
  await scenario.untilSame('web');
  for (const count of [2, 3]) {
    writeFileSync(path, 'answer = 41');
    const [change] = await scenario.untilOpen('web', [pointer]);
    expect(change).toMatchObject({
      kind: 'changed',
      attribution: { from: 'file', by: 'root', what: 'written, mode 0644' },
    });
    await healed(count);
    expect(present()).toBe('answer = 42');
  }
  expect(await scenario.outcomes('web')).toEqual(['succeeded', 'succeeded', 'succeeded']);
});

test('a pause wins over the repair, and what it held goes on after it', async () => {
  await scenario.apply(manifest('cooldown: 1s'));
  await healed(1);
  await scenario.untilSame('web');
  await post('/pause', { scope: 'default/web', reason: 'hands off' });
  writeFileSync(path, 'answer = 41');
  await scenario.untilOpen('web', [pointer]);
  // Longer than the verdict's `for`.
  await new Promise((resolve) => setTimeout(resolve, 8000));
  expect(present()).toBe('answer = 41');
  expect(await scenario.outcomes('web')).toEqual(['succeeded']);
  await post('/resume', { scope: 'default/web' });
  await healed(2);
  expect(present()).toBe('answer = 42');
});

test('who is asked says yes to the manifest that he saw, and to no later one', async () => {
  const sync = 'cooldown: 1s, approval: { required: 1, deadline: 10m }';
  await scenario.apply(manifest(sync));
  const first = await asked('');
  await scenario.apply(manifest(sync, 'answer = 43'));
  const second = await asked(first);
  expect(await scenario.outcomes('web')).toEqual(['cancelled', null]);
  const action = scenario.plane.temporal.client.workflow.getHandle(`action/${second}`);
  await waitFor('its workflow to hear the yes', () =>
    action.signal('approve').then(
      () => true,
      () => false,
    ),
  );
  await healed(1);
  expect(present()).toBe('answer = 43');
});

test('it never gives up, at the pace of its backoff', async () => {
  mkdirSync(path);
  await scenario.apply(manifest('cooldown: 1s, backoff: [0s, 200ms]'));
  await waitFor(
    'more failures than any other policy has attempts',
    async () => {
      const outcomes = await scenario.outcomes('web');
      return outcomes.filter((outcome) => outcome === 'failed').length >= 4;
    },
    40_000,
  );
  rmSync(path, { recursive: true });
  await healed(1);
  expect(present()).toBe('answer = 42');
});

async function asked(not: string): Promise<string> {
  return waitFor(
    'a person to be asked',
    async () => {
      const rows = await scenario.plane.rows<{ id: string }>(
        `select action_id as id from actions where state = 'awaiting_approval' and action_id::text <> $1`,
        not,
      );
      return rows[0]?.id;
    },
    30_000,
  );
}
