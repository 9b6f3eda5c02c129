import type { Command } from 'commander';
import { register as registerActions, parseParams, renderRow } from '../../../cli/commands/actions';
import { register as registerApprove } from '../../../cli/commands/approve';
import { register as registerAudit } from '../../../cli/commands/audit';
import { register as registerDrift } from '../../../cli/commands/drift';
import { register as registerManifests } from '../../../cli/commands/manifests';
import { register as registerPause } from '../../../cli/commands/pause';
import { register as registerStatus } from '../../../cli/commands/status';
import { register as registerWhy } from '../../../cli/commands/why';
import { runCli, startServer, type Answer, type Run, type TestServer } from '../support';

const FIRST = '11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const SECOND = '11112222-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
let server: TestServer;
let routes: Record<string, Answer['body']>;

beforeAll(async () => {
  server = await startServer(({ method, url }) => {
    const path = `${method} ${url.split('?')[0] ?? ''}`.replace('/api/v1', '');
    return path in routes
      ? { status: 200, body: routes[path] }
      : { status: 404, body: { detail: `nothing at ${path}` } };
  });
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
  routes = {};
});

function run(register: (program: Command) => void, ...args: string[]): Promise<Run> {
  return runCli(register, [...args, '--api', server.url]);
}

function action(id: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    resource: 'default/web',
    policy: 'default/web-down',
    steps: [{ action: 'restart', params: {} }],
    state: 'recorded',
    outcome: 'succeeded',
    outcomeReason: 'verified',
    dryRun: false,
    requestedBy: 'policy:default/web-down',
    reason: 'http_up == 0',
    approvalDeadline: null,
    requestedAt: '2026-05-01T12:00:00.000Z',
    recordedAt: '2026-05-01T12:00:07.000Z',
    ...changes,
  };
}

const ROW = {
  id: 1,
  at: '2026-05-01T12:00:01.500Z',
  namespace: 'default',
  resource: 'default/web',
  policy: 'default/web-down',
  actionId: FIRST,
  step: 0,
  event: 'executed',
  actor: 'vigil',
  door: 'worker',
  details: { summary: 'started pid 42' },
};

describe('status', () => {
  const resource = {
    resource: 'default/web',
    managed: true,
    paused: true,
    runtime: 'process',
    observed: { isRunning: false, identity: null, observedAt: '2026-05-01T12:00:00Z' },
    driftCount: 1,
    policies: [
      { policy: 'default/ok', verdict: 'false', since: null, severity: 'info' },
      {
        policy: 'default/down',
        verdict: 'true',
        since: '2026-05-01T12:00:00Z',
        severity: 'critical',
      },
    ],
  };

  test('shows health by dependency and what is wrong with each resource', async () => {
    routes = {
      'GET /health': {
        status: 'degraded',
        dependencies: { postgres: { status: 'ok' }, temporal: { status: 'down', detail: 'away' } },
        version: '0.1.0',
      },
      'GET /resources': { items: [resource] },
    };
    const { out, error } = await run(registerStatus, 'status');
    expect(error).toBeNull();
    expect(out).toContain('vigil is degraded (version 0.1.0)');
    expect(out).toContain('temporal: down (away)');
    expect(out).toMatch(
      /default\/web +no +paused +1 +default\/down TRUE since 2026-05-01 12:00:00 \(critical\)/,
    );
    expect(out).not.toContain('default/ok');
  });

  test('what has no manifest is counted, and shown with --all', async () => {
    routes = {
      'GET /health': { status: 'ok', dependencies: {} },
      'GET /resources': { items: [{ ...resource, managed: false, observed: null }] },
    };
    const { out } = await run(registerStatus, 'status');
    expect(out).toContain('and 1 without a manifest');
    expect(out).not.toContain('default/web');
    expect((await run(registerStatus, 'status', '--all')).out).toMatch(/default\/web +unmanaged/);
  });

  test('says what is down, and fails', async () => {
    const body = { status: 'down', dependencies: { postgres: { status: 'down', detail: 'gone' } } };
    const down = await startServer(() => ({ status: 503, body }));
    const { out, error } = await runCli(registerStatus, ['status', '--api', down.url]);
    await down.close();
    expect(down.seen.map(({ url }) => url)).toEqual(['/health']);
    expect(out).toBe('vigil is down\n  postgres: down (gone)\n');
    expect(error).toMatchObject({ exitCode: 1 });
  });
});

describe('why', () => {
  const why = { resource: 'shop/web', text: ['shop/web is fine', '  nothing waits'], policies: [] };

  test('prints the text of the API', async () => {
    routes = { 'GET /resources/shop/web/why': why };
    expect((await run(registerWhy, 'why', 'shop/web')).out).toBe(
      'shop/web is fine\n  nothing waits\n',
    );
  });

  test('prints the raw answer with --json', async () => {
    routes = { 'GET /resources/default/web/why': { ...why, extra: 1 } };
    const { out } = await run(registerWhy, 'why', 'web', '--json');
    expect(JSON.parse(out)).toEqual({ ...why, extra: 1 });
  });

  test('without a resource it is a usage error of commander', async () => {
    expect((await run(registerWhy, 'why')).error).toMatchObject({
      code: 'commander.missingArgument',
    });
  });
});

describe('actions', () => {
  test('lists what happened, newest first as the API says', async () => {
    routes = {
      'GET /actions': {
        items: [action(FIRST), action(SECOND, { outcome: null, state: 'queued' })],
      },
    };
    const { out } = await run(registerActions, 'actions', '--resource', 'web');
    expect(server.seen[0]?.url).toContain('resource=default%2Fweb');
    expect(out).toMatch(/11111111 +2026-05-01 12:00:00 +default\/web +restart +succeeded/);
    expect(out).toMatch(/11112222 .* queued/);
  });

  test('shows the story of one action, found by the start of its id', async () => {
    routes = {
      'GET /actions': { items: [action(FIRST), action(SECOND)] },
      [`GET /actions/${FIRST}`]: {
        ...action(FIRST),
        approvals: [],
        audit: [ROW],
        workflow: { id: `action/${FIRST}`, url: 'http://ui/1' },
      },
    };
    const { out } = await run(registerActions, 'actions', 'show', '11111');
    expect(out).toContain('restart on default/web, asked by policy:default/web-down: http_up == 0');
    expect(out).toContain('succeeded (verified) after 7s');
    expect(out).toContain('http://ui/1');
    expect(out).toContain('+1.5s  executed (step 1) by vigil summary="started pid 42"');
  });

  test('an ambiguous start of an id lists the candidates', async () => {
    routes = { 'GET /actions': { items: [action(FIRST), action(SECOND)] } };
    const { error } = await run(registerActions, 'actions', 'show', '1111');
    expect(error).toMatchObject({ exitCode: 1 });
    expect(String(error)).toContain(FIRST);
    expect(String(error)).toContain(SECOND);
  });

  test('what is no id is a usage error', async () => {
    const { error } = await run(registerActions, 'actions', 'show', 'web');
    expect(error).toMatchObject({ exitCode: 2 });
    expect(server.seen).toEqual([]);
  });

  test('act sends the request with typed parameters', async () => {
    routes = { 'POST /actions': action(FIRST, { state: 'requested', outcome: null }) };
    const args = ['act', 'web', 'scale', '--param', 'by=1', '--param', 'zone=a', '--dry-run'];
    const { out } = await run(registerActions, ...args, '--reason', 'a test');
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      target: 'web',
      action: 'scale',
      params: { by: 1, zone: 'a' },
      reason: 'a test',
      dryRun: true,
      force: false,
    });
    expect(out).toContain(`action ${FIRST} on default/web is requested`);
  });

  test('parameters are numbers, booleans or text', () => {
    expect(parseParams(['a=1.5', 'b=true', 'c=x=y', 'd='])).toEqual({
      a: 1.5,
      b: true,
      c: 'x=y',
      d: '',
    });
    expect(() => parseParams(['oops'])).toThrow('--param oops: write --param name=value');
  });

  test('a row before the start counts backwards', () => {
    const start = Date.parse('2026-05-01T12:00:03.000Z');
    expect(renderRow({ ...ROW, step: -1, details: {} }, start)).toBe(
      '2026-05-01 12:00:01     -1.5s  executed by vigil',
    );
  });
});

describe('decisions', () => {
  test.each(['approve', 'reject', 'cancel'])(
    '%s goes to the action with its comment',
    async (verb) => {
      routes = {
        'GET /actions': { items: [action(FIRST)] },
        [`POST /actions/${FIRST}/${verb}`]: { ok: true, state: 'decided' },
      };
      const { out } = await run(registerApprove, verb, '11111111', '--comment', 'looks right');
      expect(out).toBe(`action ${FIRST} is decided\n`);
      expect(JSON.parse(server.seen[1]?.body ?? '')).toEqual({ comment: 'looks right' });
    },
  );

  test('a full id is used as it is', async () => {
    routes = { [`POST /actions/${FIRST}/approve`]: { ok: true, state: 'approved' } };
    await run(registerApprove, 'approve', FIRST);
    expect(server.seen).toHaveLength(1);
  });

  test('an unknown start of an id points at the list', async () => {
    routes = { 'GET /actions': { items: [] } };
    const { error } = await run(registerApprove, 'approve', 'abcd');
    expect(String(error)).toContain('see ./vigil actions');
  });
});

describe('pause and resume', () => {
  const pause = {
    scope: '*',
    reason: 'deploy',
    actor: 'user:ada',
    pausedAt: '2026-05-01T12:00:00Z',
    until: '2026-05-01T12:10:00Z',
  };

  test('--all pauses everything for a while', async () => {
    routes = { 'POST /pause': pause };
    const { out } = await run(
      registerPause,
      'pause',
      '--all',
      '--for',
      '10m',
      '--reason',
      'deploy',
    );
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      scope: '*',
      for: '10m',
      reason: 'deploy',
    });
    expect(out).toBe('everything is paused until 2026-05-01 12:10:00 UTC: deploy\n');
  });

  test.each([[['pause']], [['pause', 'web', '--all']], [['resume']]])(
    '%j names not exactly one scope: usage error',
    async (args) => {
      expect((await run(registerPause, ...args)).error).toMatchObject({ exitCode: 2 });
      expect(server.seen).toEqual([]);
    },
  );

  test('resume lifts the pause of one resource', async () => {
    routes = { 'POST /resume': { ok: true } };
    const { out } = await run(registerPause, 'resume', 'web');
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({ scope: 'default/web' });
    expect(out).toBe('default/web is no longer paused\n');
  });

  test('pauses lists them', async () => {
    routes = { 'GET /pauses': { items: [{ ...pause, until: null }] } };
    expect((await run(registerPause, 'pauses')).out).toMatch(
      /everything +resumed +user:ada +deploy/,
    );
  });
});

describe('drift', () => {
  const row = {
    ...{ id: 1, resource: 'default/web', pointer: '/config/app.conf', kind: 'changed' },
    ...{ severity: 'warning', sentence: 'file app.conf has other content than desired' },
    ...{ onset: '2026-05-01T12:00:00Z', resolvedAt: null },
    attribution: { from: 'file', by: 'root', at: null, what: 'written\n0644 root:root' },
    impact: ['default/shop'],
    recommended: { step: 'sync', why: 'sync puts it right' },
    held: { gate: 'paused', detail: 'paused (*): by hand', until: '2026-05-01T13:00:00Z' },
    actionId: null,
  };
  const other = { ...row, id: 2, pointer: '/env/A', sentence: 'variable A is missing' };
  const unknown = {
    ...{ ...row, id: 3, resource: 'default/db', attribution: null, severity: null },
    ...{ held: null, impact: [], actionId: FIRST },
  };

  test('stands resource by resource, with what repairs it and what holds that', async () => {
    routes = { 'GET /drift': { items: [row, unknown, other], nextCursor: null } };
    const { out } = await run(registerDrift, 'drift');
    expect(server.seen[0]?.url).toContain('resolved=false');
    expect(out.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
      'RESOURCE | WHERE | SEVERITY | WHAT | SINCE (UTC) | UNTIL | BY',
      'default/web | /config/app.conf | warning | file app.conf has other content than desired | 2026-05-01 12:00:00 | open | root: written 0644 root:root',
      'default/web | /env/A | warning | variable A is missing | 2026-05-01 12:00:00 | open | root: written 0644 root:root',
      ' | sync: sync puts it right',
      ' | held by paused: paused (*): by hand (until 2026-05-01 13:00:00)',
      ' | needed by default/shop',
      'default/db | /config/app.conf | - | file app.conf has other content than desired | 2026-05-01 12:00:00 | open | -',
      ' | sync: sync puts it right',
      ` | action ${FIRST}`,
      '',
    ]);
  });

  test('that is over has an end and no step', async () => {
    const over = { ...row, resolvedAt: '2026-05-01T12:30:00Z', recommended: null, held: null };
    routes = { 'GET /drift': { items: [over], nextCursor: 'next' } };
    const { out } = await run(registerDrift, 'drift', 'web', '--resolved', '--severity', 'warning');
    expect(server.seen[0]?.url).toContain(
      '/drift?resource=default%2Fweb&severity=warning&resolved=true',
    );
    expect(out).toContain('2026-05-01 12:30:00');
    expect(out.split('\n').slice(2)).toEqual([
      'there is more: raise --limit, or name a resource',
      '',
    ]);
  });

  test('is asked for by every filter of the API', async () => {
    routes = { 'GET /drift': { items: [], nextCursor: null } };
    const filters = { kind: 'missing', pointer: '/env/', since: '1000', until: '2000' };
    const given = Object.entries(filters).flatMap(([name, value]) => [`--${name}`, value]);
    expect((await run(registerDrift, 'drift', ...given)).out).toBe('no drift that matches\n');
    const asked = new URL(server.seen[0]?.url ?? '', 'http://api').searchParams;
    expect(Object.fromEntries(asked)).toMatchObject(filters);
  });

  test('is printed as the API answers it with --json', async () => {
    routes = { 'GET /drift': { items: [row], nextCursor: null } };
    const { out } = await run(registerDrift, 'drift', '--namespace', 'default', '--json');
    expect(server.seen[0]?.url).toContain('namespace=default');
    expect(JSON.parse(out)).toEqual({ items: [row], nextCursor: null });
  });

  test('is told when there is none', async () => {
    const none = { items: [], nextCursor: null };
    routes = {
      ...{ 'GET /drift': none, 'GET /resources/default/web': { observed: { isRunning: true } } },
      'GET /resources/default/new': { observed: null },
    };
    const said = async (...args: string[]) => (await run(registerDrift, 'drift', ...args)).out;
    const all = 'no drift: what was looked at is as the manifests say\n';
    expect(await said()).toBe(all);
    expect(await said('web')).toBe(all);
    expect(await said('web', '--severity', 'info')).toBe('no drift that matches\n');
    expect(await said('--resolved')).toBe('nothing that matches differed earlier\n');
    expect(await said('new')).toBe('nobody has looked at default/new yet\n');
  });
});

describe('audit', () => {
  test('lists rows', async () => {
    routes = { 'GET /audit': { items: [ROW] } };
    const { out } = await run(registerAudit, 'audit', '--resource', 'web');
    expect(out).toMatch(/default\/web +executed +11111111 +vigil +summary="started pid 42"/);
  });

  test('verify says that the chain holds', async () => {
    const answer = { ok: true, namespace: 'default', rows: 7, firstBroken: null };
    routes = { 'GET /audit/verify': answer };
    const { out, error } = await run(registerAudit, 'audit', 'verify');
    expect(out).toContain('all 7 sealed rows');
    expect(error).toBeNull();
  });

  test('verify fails at the first broken row', async () => {
    const answer = { ok: false, namespace: 'default', rows: 2, firstBroken: 3 };
    routes = { 'GET /audit/verify': answer };
    const { error } = await run(registerAudit, 'audit', 'verify');
    expect(error).toMatchObject({ exitCode: 1 });
    expect(String(error)).toContain('broken at row 3; the 2 before it hold');
  });
});

describe('delete', () => {
  test('names kind and place in the path', async () => {
    routes = { 'DELETE /manifests/Service/shop/web': { revision: 9 } };
    const { out } = await run(registerManifests, 'delete', 'service', 'shop/web');
    expect(out).toBe('Service shop/web is deleted; what it describes goes on running\n');
  });

  test.each([
    ['an unknown kind', ['delete', 'Pod', 'shop/web']],
    ['a name without its namespace', ['delete', 'Service', 'web']],
    ['a missing file', ['apply', '-f', '/nowhere.yaml']],
  ])('%s is a usage error', async (_, args) => {
    expect((await run(registerManifests, ...args)).error).toMatchObject({ exitCode: 2 });
    expect(server.seen).toEqual([]);
  });
});
