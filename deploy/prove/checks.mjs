/**
 * Checks a stack that docker-compose.yml has started, from outside: by its published ports, and by
 * commands in its containers. One line per fact; ends with 1 at the first that does not hold.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

const [COMPOSE, ...COMPOSE_ARGS] = (process.env.COMPOSE ?? 'docker-compose').split(' ');
const DOCKER = process.env.DOCKER ?? 'docker';
const PROJECT = process.env.COMPOSE_PROJECT_NAME ?? 'vigil-proof';
const TOKEN = readFileSync('deploy/secrets/api_token', 'utf8').trim();
const API = `http://127.0.0.1:${process.env.VIGIL_API_PORT ?? 8000}`;
const RUNNING = ['postgres', 'redis', 'temporal', 'api', 'worker', 'gitops', 'agent'];
const FINISHED = ['migrate', 'temporal-retention'];
const OURS = ['api', 'worker', 'gitops', 'agent'];
const START_DEADLINE_MS = 180_000;
const HEAL_DEADLINE_MS = 60_000;

const run = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const inService = (service, ...args) =>
  run(COMPOSE, ...COMPOSE_ARGS, 'exec', '-T', service, ...args);

const ids = new Map();
function inspect(service, format) {
  if (!ids.has(service)) {
    const labels = [`project=${PROJECT}`, `service=${service}`];
    const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
    ids.set(service, run(DOCKER, 'ps', '--all', '--quiet', ...filters));
  }
  return run(DOCKER, 'inspect', '--format', format, ids.get(service));
}

async function call(path, { token = TOKEN, ...init } = {}) {
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const response = await globalThis.fetch(`${API}${path}`, { ...init, headers });
  return { status: response.status, body: await response.json() };
}

/** The demo's own words, asked for in the worker's network: its pid. */
function demoPid() {
  const ask = `fetch('http://127.0.0.1:18080/').then((r) => r.text()).then(console.log)`;
  return Number(/process (\d+)/.exec(inService('worker', 'node', '-e', ask))?.[1]);
}

/** Pids in the worker's container whose command line has all these words in a row. */
function pidsOf(...words) {
  const look = `const fs = require('fs');
    const argv = (pid) => { try { return fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8'); } catch { return ''; } };
    console.log(fs.readdirSync('/proc').filter((pid) => /^\\d+$/.test(pid)
      && argv(pid).startsWith(process.argv[1].split(' ').join('\\0'))).join(' '));`;
  const text = inService('worker', 'node', '-e', look, words.join(' '));
  return text === '' ? [] : text.split(' ').map(Number);
}

async function until(what, deadlineMs, look) {
  const startedAt = performance.now();
  let last = 'nothing yet';
  for (;;) {
    try {
      const found = await look();
      if (found) return { found, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) };
    } catch (error) {
      last = (error.stderr || error.message || String(error)).trim();
    }
    if (performance.now() - startedAt > deadlineMs) throw new Error(`${what}: not so (${last})`);
    await delay(250);
  }
}

function expect(isSo, what, details = '') {
  if (!isSo) throw new Error(`${what}: not so ${JSON.stringify(details)}`);
  process.stdout.write(`ok  ${what}\n`);
}

async function checkStart() {
  for (const service of FINISHED) {
    await until(`${service} has ended`, START_DEADLINE_MS, () => {
      return inspect(service, '{{.State.Status}}') === 'exited';
    });
    expect(inspect(service, '{{.State.ExitCode}}') === '0', `${service} ran once and succeeded`);
  }
  for (const service of RUNNING) {
    await until(`${service} is healthy`, START_DEADLINE_MS, () => {
      return inspect(service, '{{.State.Health.Status}}') === 'healthy';
    });
    expect(true, `${service} is healthy`);
  }
}

async function checkDependencies() {
  const { body } = await call('/health', { token: null });
  expect(body.status === 'ok', 'the api reaches PostgreSQL, Temporal and Redis', body);
}

function checkConfinement() {
  for (const service of OURS) {
    expect(inService(service, 'id', '-u') === '10001', `${service} does not run as root`);
  }
  const addresses = RUNNING.flatMap((service) =>
    inspect(service, '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}')
      .split(' ')
      .filter((address) => address !== ''),
  );
  const isLocal = addresses.length > 0 && addresses.every((address) => address === '127.0.0.1');
  expect(isLocal, `the ${addresses.length} published ports are on 127.0.0.1 only`, addresses);
  const told = OURS.map((service) => inspect(service, '{{json .Config}} {{json .HostConfig}}'));
  const secrets = ['api_token', 'approval_key', 'database_password'].map((name) =>
    readFileSync(`deploy/secrets/${name}`, 'utf8').trim(),
  );
  const isSilent = secrets.every((secret) => told.every((text) => !text.includes(secret)));
  expect(isSilent, 'docker inspect tells no secret');
}

async function checkIngest() {
  const sample = { name: 'proof', value: 42, tags: { service: 'elsewhere' } };
  const body = JSON.stringify(sample);
  const refused = await call('/api/v1/ingest', { method: 'POST', body, token: null });
  expect(refused.status === 401, 'a sample without the token is refused', refused);
  const stored = await call('/api/v1/ingest', { method: 'POST', body });
  expect(stored.status === 201 && stored.body.accepted === 1, 'a sample is stored', stored);
  const { body: found } = await call('/api/v1/query?name=proof');
  expect(found.items?.[0]?.value === 42, 'and found again', found);
}

/** Kills the demo and returns once an action has brought it back. */
async function checkHealing() {
  const { found: before } = await until('the demo runs', START_DEADLINE_MS, demoPid);
  expect(true, `the worker has started the demo: pid ${before}`);
  await until('the agent sees it', START_DEADLINE_MS, async () => {
    const { body } = await call('/api/v1/query?name=process_up&tag=resource=web&limit=1');
    return body.items[0]?.value === 1;
  });
  expect(true, 'the agent, in a container of its own, sees that process');
  const since = Date.now();
  inService('worker', 'node', '-e', `process.kill(${before}, 'SIGKILL')`);
  const back = await until('the demo is back', HEAL_DEADLINE_MS, () => {
    const pid = demoPid();
    return pid > 0 && pid !== before && pid;
  });
  expect(true, `killed, it is back after ${back.seconds} s: pid ${back.found}`);
  const { found: action } = await until('an action has succeeded', HEAL_DEADLINE_MS, async () => {
    const { body } = await call('/api/v1/actions?limit=20');
    return body.items.find(
      ({ resource, outcome, requestedAt }) =>
        resource === 'default/web' && outcome === 'succeeded' && Date.parse(requestedAt) >= since,
    );
  });
  expect(true, `action ${action.id} of ${action.policy}: succeeded, verified`);
  const { body: audit } = await call(`/api/v1/actions/${action.id}`);
  const events = audit.audit?.map(({ event }) => event) ?? [];
  expect(events.length > 0, `its audit trail: ${events.join(', ')}`, audit);
}

/** The worker's container outlives the worker, and so do the demo and the agent. */
async function checkCrashOfWorker() {
  const demo = demoPid();
  const [worker] = pidsOf('node', '--enable-source-maps', 'dist/workers/main.js');
  const agentStart = inspect('agent', '{{.State.StartedAt}}');
  inService('worker', 'node', '-e', `process.kill(${worker}, 'SIGKILL')`);
  const { found, seconds } = await until('the worker is back', HEAL_DEADLINE_MS, () => {
    const [pid] = pidsOf('node', '--enable-source-maps', 'dist/workers/main.js');
    return pid !== undefined && pid !== worker && pid;
  });
  expect(true, `the worker was killed and runs again after ${seconds} s: pid ${worker} → ${found}`);
  await until('the worker polls', HEAL_DEADLINE_MS, async () => {
    const port = process.env.VIGIL_WORKER_PORT ?? 8081;
    const response = await globalThis.fetch(`http://127.0.0.1:${port}/health`);
    return (await response.json()).status === 'ok';
  });
  expect(demoPid() === demo, `the demo ran on meanwhile: pid ${demo}`);
  const isSame = inspect('agent', '{{.State.StartedAt}}') === agentStart;
  expect(isSame && inspect('agent', '{{.State.Running}}') === 'true', 'and so did the agent');
}

try {
  await checkStart();
  await checkDependencies();
  checkConfinement();
  await checkIngest();
  process.stdout.write(`${inService('worker', 'vigil', 'status')}\n`);
  await checkHealing();
  await checkCrashOfWorker();
} catch (error) {
  process.stderr.write(`NOT ${(error.stderr || error.message).trim()}\n`);
  process.exitCode = 1;
}
