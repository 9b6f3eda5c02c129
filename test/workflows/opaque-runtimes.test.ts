import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ScriptSpec, WebhookSpec } from '../../domain/runtime-spec';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import type { CrashPoint } from '../support/crashing-worker';
import { service } from '../support/manifest-objects';
import { FAST_VERIFY, watched } from '../support/policies';

/** Effects are lines in a file: `<action uuid>/<step>` of each, whoever had it done. */
let plane: ControlPlane;
let receiver: Server;
let effectsFile: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  plane = await startControlPlane(() => [], { withWorker: false, sweepMs: 1000 });
  effectsFile = join(plane.home, 'effects');
  receiver = createServer((request, response) => {
    writeFileSync(effectsFile, `${String(request.headers['idempotency-key'])}\n`, { flag: 'a' });
    writeFileSync(join(plane.home, 'midway'), '');
    // Long enough to be hit in the middle.
    setTimeout(() => response.writeHead(204).end(), 1000);
  });
  await new Promise<void>((resolve) => {
    receiver.listen(0, '127.0.0.1', resolve);
  });
}, 60_000);
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  await plane.stop();
});

async function startWorker(crash: CrashPoint): Promise<ChildProcess> {
  const hook = join(__dirname, '../support/typescript-hook.cjs');
  const script = join(__dirname, '../support/crashing-worker.ts');
  const child = spawn(process.execPath, ['-r', hook, script], {
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const { address, namespace } = plane.temporal;
  const databaseUrl = plane.database.url;
  child.stdin?.end(JSON.stringify({ databaseUrl, address, namespace, home: plane.home, crash }));
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

function runtimeOf(type: 'script' | 'webhook', idempotent: boolean): ScriptSpec | WebhookSpec {
  if (type === 'webhook') {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/restart`;
    const how = { method: 'POST' as const, body: null, headers: {}, timeoutMs: 20_000, idempotent };
    return {
      type,
      actions: { restart: { url, ...how } },
      ...{ inspect: null, secret: null, allowPrivate: true },
    };
  }
  const program = join(plane.home, 'fix.sh');
  writeFileSync(
    program,
    `#!/bin/sh\necho "$VIGIL_ACTION_ID" >> ${effectsFile}\necho > ${join(plane.home, 'midway')}\nsleep 1\n`,
  );
  chmodSync(program, 0o755);
  const action = { command: [program], timeoutMs: 20_000, idempotent };
  return {
    type,
    actions: { restart: action },
    ...{ inspect: null, env: { allow: ['PATH'], set: {} }, cwd: null },
  };
}

/** How often the step of that action had its effect. */
function effectsOf(actionId: string): number {
  if (!existsSync(effectsFile)) return 0;
  return readFileSync(effectsFile, 'utf8')
    .split('\n')
    .filter((line) => line === `${actionId}/0`).length;
}

async function crashWhileActing(
  type: 'script' | 'webhook',
  crash: CrashPoint,
  idempotent: boolean,
): Promise<void> {
  // What is never heard of again ends as soon as that is over.
  const verify = { ...FAST_VERIFY, withinMs: idempotent ? FAST_VERIFY.withinMs : 3000 };
  const [, policy] = watched('web', 'up == 0', { verify });
  const web = service('web', {
    sync: { mode: 'detect', cooldownMs: 1000 },
    runtime: runtimeOf(type, idempotent),
  });
  await plane.apply(web, policy);
  const first = await startWorker(crash);
  const died = new Promise((resolve) =>
    first.once('exit', (_code, signal) => {
      resolve(signal);
    }),
  );
  await plane.send('web', 'up', 0);
  expect(await died).toBe('SIGKILL');
  await startWorker('never');
}

describe.each(['script', 'webhook'] as const)('runtime %s', (type) => {
  test.each<[CrashPoint, number]>([
    ['before', 0],
    ['during', 1],
    ['after', 1],
  ])(
    'a worker killed %s the effect: it happens at most once, and ends inconclusive',
    async (crash, effects) => {
      await crashWhileActing(type, crash, false);
      const actionId = await plane.recorded('web', 'inconclusive', 90_000);
      expect(effectsOf(actionId)).toBe(effects);
    },
    120_000,
  );

  test('where it is idempotent, a worker killed in the middle means that it is done again', async () => {
    await crashWhileActing(type, 'during', true);
    const actionId = await plane.healthyUntil('web', 'succeeded');
    expect(effectsOf(actionId)).toBe(2);
  }, 120_000);
});
