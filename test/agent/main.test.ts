import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sample } from '../../agent/sample';
import { waitFor } from '../support/wait';
import { startCollector, type Collector } from './support';

let collector: Collector;
let home: string;
let agent: ChildProcess;

beforeEach(async () => {
  collector = await startCollector();
  home = mkdtempSync(join(tmpdir(), 'vigil-agent-'));
});
afterEach(async () => {
  agent.kill('SIGKILL');
  await collector.close();
  rmSync(home, { recursive: true });
});

function startAgent(env: Record<string, string>): ChildProcess {
  const root = join(__dirname, '../..');
  agent = spawn(
    process.execPath,
    ['-r', join(root, 'test/support/typescript-hook.cjs'), join(root, 'agent/main.ts')],
    {
      env: { VIGIL_HOME: home, VIGIL_AGENT_API_URL: collector.url, VIGIL_AGENT_HOST: 'a', ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  return agent;
}

function valueOf(name: string): number | undefined {
  const samples = collector.received
    .filter(({ path }) => path === '/api/v1/ingest')
    .flatMap(({ body }) => body as Sample[]);
  return samples.findLast((sample) => sample.name === name)?.value;
}

test('it measures its host and what the collector asks for, and ends on SIGTERM', async () => {
  const tags = { namespace: 'default', resource: 'web', host: 'a' };
  const items = [
    {
      resource: 'default/web',
      kind: 'http',
      endpoint: `${collector.url}/`,
      intervalMs: 1000,
      tags,
    },
    { resource: 'default/web', kind: 'process', intervalMs: 1000, tags },
  ];
  collector.answer = ({ path }) =>
    path === '/api/v1/agents/a/checks'
      ? { status: 200, body: { host: 'a', items } }
      : { status: 201 };
  const folder = join(home, 'run/default/web');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'process.json'), '{"bootId":"earlier","pid":1,"startTicks":1}');
  startAgent({ AGENT_INTERVAL: '200ms' });
  await waitFor('all groups of samples', () =>
    ['cpu_usage', 'memory_usage', 'disk_usage', 'http_up', 'process_up'].every(
      (name) => valueOf(name) !== undefined,
    ),
  );
  // On a busy machine a check may have taken too long.
  await waitFor('an answer in time', () => valueOf('http_up') === 1);
  expect(valueOf('process_up')).toBe(0);
  const ended = once(agent, 'exit');
  agent.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('it ends when its parent does', async () => {
  startAgent({ AGENT_INTERVAL: '200ms' });
  await waitFor('its first samples', () => valueOf('cpu_usage') !== undefined);
  const ended = once(agent, 'exit');
  agent.disconnect();
  expect(await ended).toEqual([0, null]);
});

test('a broken configuration is told in one line, and ends it with code 1', async () => {
  startAgent({ AGENT_INTERVAL: 'often' });
  let text = '';
  agent.stderr?.on('data', (part: Buffer) => (text += part.toString()));
  expect(await once(agent, 'close')).toEqual([1, null]);
  expect(text).toBe(
    'environment variable AGENT_INTERVAL: "often" is no duration; write 500ms, 10s, 5m, 1h\n',
  );
});
