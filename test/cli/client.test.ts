import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Anything } from '../../cli/answers';
import { ApiFailure, apiUrl, createClient } from '../../cli/client';
import { CliFailure } from '../../cli/failure';
import { startServer, type Answer, type TestServer } from './support';

const PROBLEM = 'application/problem+json';
let server: TestServer;
let answer: Answer;

beforeAll(async () => {
  server = await startServer(() => answer);
});
afterAll(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
  answer = { status: 200, body: { items: [] } };
});

async function failureOf(promise: Promise<unknown>): Promise<CliFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CliFailure) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

describe('where the API is', () => {
  test.each([
    ['nothing said', undefined, {}, 'http://127.0.0.1:8000'],
    ['a port offset', undefined, { VIGIL_PORT_OFFSET: '100' }, 'http://127.0.0.1:8100'],
    [
      'VIGIL_API_URL',
      undefined,
      { VIGIL_API_URL: 'https://vigil.example/' },
      'https://vigil.example',
    ],
    ['an own port', undefined, { VIGIL_API_PORT: '9999' }, 'http://127.0.0.1:9999'],
    ['--api before all', 'http://a:1', { VIGIL_API_URL: 'http://b:2' }, 'http://a:1'],
  ])('%s', (_, given, env, url) => {
    expect(apiUrl(given, env)).toBe(url);
  });

  test('an address without http:// is refused as a usage error', async () => {
    const failure = await failureOf(Promise.resolve().then(() => apiUrl('localhost:8000', {})));
    expect(failure).toMatchObject({ exitCode: 2 });
    expect(failure.message).toContain('localhost:8000');
  });
});

describe('calls', () => {
  test('send queries below /api/v1, leave out what is undefined, and name the person', async () => {
    const api = createClient(server.url, { VIGIL_ACTOR: 'ada' });
    await api.get('/actions', Anything, { resource: 'default/web', state: undefined, limit: 5 });
    expect(server.seen[0]).toMatchObject({
      method: 'GET',
      url: '/api/v1/actions?resource=default%2Fweb&limit=5',
      headers: { 'x-vigil-actor': 'ada' },
    });
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });

  test('carry the token of VIGIL_API_TOKEN_FILE without its newline', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-cli-'));
    writeFileSync(join(folder, 'token'), 's3cret\n');
    const api = createClient(server.url, { VIGIL_API_TOKEN_FILE: join(folder, 'token') });
    await api.get('/health', Anything);
    rmSync(folder, { recursive: true });
    expect(server.seen[0]?.headers.authorization).toBe('Bearer s3cret');
  });

  test('send YAML as it is', async () => {
    const api = createClient(server.url, {});
    await api.send({ method: 'PUT', path: '/manifests', yaml: 'kind: Service\n' }, Anything);
    expect(server.seen[0]).toMatchObject({ method: 'PUT', body: 'kind: Service\n' });
    expect(server.seen[0]?.headers['content-type']).toBe('application/yaml');
  });

  test('a token file that is missing is named', () => {
    expect(() => createClient(server.url, { VIGIL_API_TOKEN_FILE: '/nowhere/token' })).toThrow(
      'VIGIL_API_TOKEN_FILE: /nowhere/token cannot be read',
    );
  });
});

describe('failures', () => {
  test('a problem is its detail in one line', async () => {
    answer = { status: 404, type: PROBLEM, body: { title: 'Not Found', detail: 'no action 123' } };
    const failure = await failureOf(createClient(server.url, {}).get('/actions/123', Anything));
    expect(failure).toBeInstanceOf(ApiFailure);
    expect(failure).toMatchObject({ status: 404, exitCode: 1, message: 'no action 123' });
  });

  test('a refused manual action names the gate', async () => {
    answer = { status: 409, type: PROBLEM, body: { detail: 'by hand', gate: 'paused' } };
    const call = createClient(server.url, {}).send({ method: 'POST', path: '/actions' }, Anything);
    expect((await failureOf(call)).message).toBe('by hand (gate paused)');
  });

  test('a list of problems puts each on a line with its place', async () => {
    const problems = [
      { index: 2, field: 'value', message: 'must be finite' },
      { field: 'web.yaml:3:5', message: 'unknown field' },
    ];
    answer = { status: 422, type: PROBLEM, body: { title: 'Unprocessable', problems } };
    const failure = await failureOf(createClient(server.url, {}).get('/x', Anything));
    expect(failure.message.split('\n')).toEqual([
      'Unprocessable',
      '  [2] value: must be finite',
      '  web.yaml:3:5: unknown field',
    ]);
  });

  test('401 says how to give the token', async () => {
    answer = { status: 401, type: PROBLEM, body: { title: 'Unauthorized' } };
    const failure = await failureOf(createClient(server.url, {}).get('/x', Anything));
    expect(failure.message).toContain('VIGIL_API_TOKEN_FILE');
  });

  test('a failure of the server names the request', async () => {
    answer = { status: 503, type: PROBLEM, body: { detail: 'Temporal is away', requestId: 'r-1' } };
    const failure = await failureOf(createClient(server.url, {}).get('/x', Anything));
    expect(failure.message).toBe('Temporal is away [request r-1]');
  });

  test('an API that is not there says how to start it', async () => {
    const gone = await startServer(() => answer);
    await gone.close();
    const failure = await failureOf(createClient(gone.url, {}).get('/health', Anything));
    expect(failure.exitCode).toBe(1);
    expect(failure.message).toBe(`the API at ${gone.url} does not answer: start it with npm start`);
  });

  test('another program on the port is not taken for the API', async () => {
    answer = { status: 200, type: 'text/html', body: '<html>' };
    const failure = await failureOf(createClient(server.url, {}).get('/health', Anything));
    expect(failure.message).toContain("is not Vigil's API");
  });

  test('an answer of another shape names the field', async () => {
    const call = createClient(server.url, {}).get('/actions', z.object({ total: z.number() }));
    expect((await failureOf(call)).message).toContain('/actions is not understood (total:');
  });
});
