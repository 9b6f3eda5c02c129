import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TransientError, UnknownEffectError } from '../../../../domain/action/runtime';
import { waitFor } from '../../../support/wait';
import {
  answerWith,
  createBench,
  failure,
  KEY,
  startReceiver,
  type Bench,
  type Receiver,
} from './support';

let folder: string;
let receiver: Receiver;
let bench: Bench;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-webhook-'));
  receiver = await startReceiver();
  bench = createBench(receiver.url);
});
afterEach(async () => {
  await receiver.close();
  rmSync(folder, { recursive: true });
});

function secretFile(value: string): string {
  const path = join(folder, 'secret');
  writeFileSync(path, value);
  return `file:${path}`;
}

/** What kind of failure it is, as the control plane tells them apart. */
function kindOf(error: Error): 'transient' | 'unknown' | 'final' {
  if (error instanceof TransientError) return 'transient';
  return error instanceof UnknownEffectError ? 'unknown' : 'final';
}

describe('what is sent', () => {
  test('Vigil tells what is to be done to what, for which step', async () => {
    const result = await bench.act(bench.target({}), { params: { to: 3 } });
    expect(result).toMatchObject({
      identity: null,
      summary: `${receiver.url}/fix answered 204`,
      details: { status: 204, bytes: 0 },
    });
    const [received] = receiver.received;
    expect(received).toMatchObject({
      method: 'POST',
      path: '/fix',
      headers: { 'content-type': 'application/json', 'idempotency-key': KEY },
    });
    expect(JSON.parse(received?.body ?? '')).toEqual({
      resource: 'shop/web',
      namespace: 'shop',
      action: 'fix',
      params: { to: 3 },
      actionId: KEY.split('/')[0],
      step: 2,
    });
  });

  test('a body of the manifest is sent instead, its placeholders replaced in texts only', async () => {
    const body = {
      event_type: 'fix',
      client_payload: { who: '{target}', list: ['{metadata.note}', 1, null], n: 2, ok: true },
    };
    const labels = { note: '"}], "injected": [{' };
    await bench.act(bench.target({ body, method: 'PUT' }, { labels }));
    expect(receiver.received[0]?.method).toBe('PUT');
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
      event_type: 'fix',
      client_payload: { who: 'shop/web', list: [labels.note, 1, null], n: 2, ok: true },
    });
  });

  test('a placeholder without a value is an error before anything is sent', async () => {
    const error = await failure(bench.act(bench.target({ body: '{metadata.none}' })));
    expect(error.message).toBe('shop/web has nothing for {metadata.none}');
    expect(receiver.received).toEqual([]);
  });

  test('the receiver can verify who sent it, what, and when', async () => {
    const before = Math.floor(Date.now() / 1000);
    await bench.act(bench.target({}, { spec: { secret: secretFile('hunter2\n') } }));
    const [received] = receiver.received;
    const timestamp = received?.headers['x-vigil-timestamp'] as string;
    expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
    expect(Number(timestamp)).toBeLessThanOrEqual(Date.now() / 1000);
    const sign = (key: string, text: string): string =>
      `sha256=${createHmac('sha256', key).update(text).digest('hex')}`;
    const signature = received?.headers['x-vigil-signature'];
    expect(signature).toBe(sign('hunter2', `${timestamp}.${received?.body ?? ''}`));
    // Neither another key, nor another body, nor the same request at another time.
    expect(signature).not.toBe(sign('hunter3', `${timestamp}.${received?.body ?? ''}`));
    expect(signature).not.toBe(sign('hunter2', `${timestamp}.${received?.body ?? ''} `));
    expect(signature).not.toBe(sign('hunter2', `${Number(timestamp) + 1}.${received?.body ?? ''}`));
  });

  test('a secret that was changed is used from the next request on', async () => {
    const target = bench.target({}, { spec: { secret: secretFile('one') } });
    await bench.act(target);
    secretFile('two');
    await bench.act(target);
    const [first, second] = receiver.received.map(({ headers, body }) => {
      const text = `${headers['x-vigil-timestamp'] as string}.${body}`;
      return ['one', 'two'].find(
        (key) =>
          headers['x-vigil-signature'] ===
          `sha256=${createHmac('sha256', key).update(text).digest('hex')}`,
      );
    });
    expect([first, second]).toEqual(['one', 'two']);
  });

  test('without a secret nothing pretends to be signed', async () => {
    await bench.act(bench.target({}));
    expect(receiver.received[0]?.headers).not.toHaveProperty('x-vigil-signature');
  });

  test.each([
    ['is not there', 'file:/not/there', 'secret: secret file /not/there cannot be read'],
    ['is empty', 'EMPTY', 'is empty'],
  ])('a secret that %s is an error before anything is sent', async (_, reference, message) => {
    const secret = reference === 'EMPTY' ? secretFile('\n') : reference;
    const error = await failure(bench.act(bench.target({}, { spec: { secret } })));
    expect(error.message).toContain(message);
    expect(receiver.received).toEqual([]);
  });

  test('a header from a secret arrives, and its value shows nowhere', async () => {
    const headers = { Authorization: secretFile('Bearer hunter2') };
    receiver.answer((response, received) => {
      const echo = `you said ${received.headers.authorization ?? 'nothing'}`;
      answerWith(received.path === '/fix' ? 200 : 400, echo)(response);
    });
    const good = await bench.act(bench.target({ headers }));
    expect(receiver.received[0]?.headers.authorization).toBe('Bearer hunter2');
    expect(good.details).toMatchObject({ firstLines: ['you said ***'] });
    const bad = await failure(bench.act(bench.target({ headers, url: `${receiver.url}/bad` })));
    expect(bad.message).toBe(`${receiver.url}/bad answered 400: you said ***`);
    expect(JSON.stringify([good, bad.stack, bad.cause])).not.toContain('hunter2');
  });

  test('a header that could not be sent is named without its value', async () => {
    const headers = { Authorization: secretFile('hunter2\r\nX-Injected: 1') };
    const error = await failure(bench.act(bench.target({ headers })));
    expect(error.message).toContain('header Authorization');
    expect(error.message).not.toContain('hunter2');
    expect(receiver.received).toEqual([]);
  });

  test('the query of a URL, which may hold a token, is sent and not told', async () => {
    receiver.answer(answerWith(500));
    const error = await failure(
      bench.act(bench.target({ url: `${receiver.url}/fix?token=t0ken` })),
    );
    expect(receiver.received[0]?.path).toBe('/fix?token=t0ken');
    expect(error.message).not.toContain('t0ken');
  });
});

describe('what an answer means', () => {
  test.each([200, 201, 202, 204])('%d is done', async (status) => {
    receiver.answer(answerWith(status));
    expect((await bench.act(bench.target({}))).details).toMatchObject({ status });
  });

  test.each([
    [300, 'final', 'final'],
    [400, 'final', 'final'],
    [401, 'final', 'final'],
    [404, 'final', 'final'],
    [409, 'final', 'final'],
    [422, 'final', 'final'],
    [429, 'transient', 'transient'],
    [500, 'unknown', 'transient'],
    [502, 'unknown', 'transient'],
    [503, 'transient', 'transient'],
    [504, 'unknown', 'transient'],
  ])('%d is %s, and %s where it is idempotent', async (status, once, often) => {
    receiver.answer(answerWith(status, 'because\nof this'));
    const error = await failure(bench.act(bench.target({})));
    expect(kindOf(error)).toBe(once);
    expect(error.message).toContain(`${receiver.url}/fix answered ${status}: because`);
    expect(kindOf(await failure(bench.act(bench.target({ idempotent: true }))))).toBe(often);
  });

  test('409 with the same key says that it was done already', async () => {
    receiver.answer(answerWith(409, 'again?', { 'Idempotency-Key': KEY }));
    const { summary } = await bench.act(bench.target({}));
    expect(summary).toBe(`${receiver.url}/fix answered 409: it was done already`);
    receiver.answer(answerWith(409, 'no', { 'Idempotency-Key': 'another/0' }));
    expect(kindOf(await failure(bench.act(bench.target({}))))).toBe('final');
  });

  test.each([301, 302, 303, 307, 308])('%d is not followed, and says so', async (status) => {
    const other = await startReceiver();
    receiver.answer(answerWith(status, '', { Location: `${other.url}/elsewhere` }));
    const error = await failure(bench.act(bench.target({ idempotent: true })));
    await other.close();
    expect(kindOf(error)).toBe('final');
    expect(error.message).toContain('redirects are not followed');
    expect(other.received).toEqual([]);
    expect(receiver.received).toHaveLength(1);
  });

  test('of a huge answer only a part is read', async () => {
    let written = 0;
    receiver.answer((response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(16 * 1024, 'a line of text\n');
      const more = (): void => {
        while (written < 64 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
    });
    const { details } = await bench.act(bench.target({}));
    expect(details).toMatchObject({ status: 200, bytes: 64 * 1024 });
    expect(details?.['firstLines']).toHaveLength(10);
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test('a body that never ends takes nothing from a good status', async () => {
    receiver.answer((response) => response.writeHead(200).write('so far\n'));
    const { details } = await bench.act(bench.target({ timeoutMs: 2000 }));
    expect(details).toMatchObject({ status: 200, firstLines: ['so far'] });
  });
});

describe('where no answer comes', () => {
  /** A TCP server that does with each connection what is given. */
  async function startTcp(onData: (socket: Socket) => void): Promise<Server> {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        onData(socket);
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }
  const urlOf = (server: { address: () => unknown }): string =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/fix`;

  test('a refused connection was not acted on: a new try may help', async () => {
    await receiver.close();
    const error = await failure(bench.act(bench.target({})));
    expect(kindOf(error)).toBe('transient');
    expect(error.message).toBe(`${receiver.url}/fix: ECONNREFUSED, before the request was sent`);
  });

  test('a name that does not resolve was not acted on: a new try may help', async () => {
    const error = await failure(bench.act(bench.target({ url: 'http://vigil.invalid/fix' })));
    expect(kindOf(error)).toBe('transient');
    expect(error.message).toContain('before the request was sent');
  });

  test.each([
    [false, 'unknown'],
    [true, 'transient'],
  ])('a slow receiver may have acted (idempotent: %s)', async (idempotent, kind) => {
    receiver.answer(() => undefined);
    const error = await failure(bench.act(bench.target({ timeoutMs: 1500, idempotent })));
    expect(kindOf(error)).toBe(kind);
    expect(error.message).toContain('no answer within 1500 ms, after the request was sent');
    expect(receiver.received).toHaveLength(1);
  });

  test.each([
    [false, 'unknown'],
    [true, 'transient'],
  ])(
    'a connection that is reset after sending may have acted (idempotent: %s)',
    async (idempotent, kind) => {
      const server = await startTcp((socket) => socket.resetAndDestroy());
      const error = await failure(bench.act(bench.target({ url: urlOf(server), idempotent })));
      server.close();
      expect(kindOf(error)).toBe(kind);
      expect(error.message).toContain('ECONNRESET, after the request was sent');
    },
  );

  test('an answer that is no HTTP leaves it open whether it was acted on', async () => {
    const server = await startTcp((socket) => socket.end('220 smtp.example ESMTP\r\n'));
    const error = await failure(bench.act(bench.target({ url: urlOf(server) })));
    server.close();
    expect(kindOf(error)).toBe('unknown');
  });

  test('a cancelled request may have acted', async () => {
    receiver.answer(() => undefined);
    const abort = new AbortController();
    const acting = failure(bench.act(bench.target({}), { signal: abort.signal }));
    await waitFor('the request', () => receiver.received.length > 0);
    abort.abort(new Error('cancelled by test'));
    const error = await acting;
    expect(kindOf(error)).toBe('unknown');
    expect(error.message).toContain('the action was cancelled');
  });
});

describe('addresses that are not public', () => {
  test('are refused unless the manifest and the worker allow them', async () => {
    const url = `http://localhost:${receiver.port}/fix`;
    const closed = createBench(receiver.url, { allowPrivate: [] });
    for (const [one, allowPrivate, message] of [
      [bench, false, 'the manifest must say allowPrivate: true'],
      [closed, false, 'the manifest must say allowPrivate: true'],
      [closed, true, 'worker.webhook.allowPrivate (VIGIL_WORKER_WEBHOOK_ALLOW_PRIVATE)'],
    ] as const) {
      for (const given of [url, `${receiver.url}/fix`]) {
        const error = await failure(
          one.act(one.target({ url: given }, { spec: { allowPrivate } })),
        );
        expect(kindOf(error)).toBe('final');
        expect(error.message).toContain('is not a public address');
        expect(error.message).toContain(message);
      }
    }
    expect(receiver.received).toEqual([]);
    await bench.act(bench.target({ url }));
    expect(receiver.received).toHaveLength(1);
  });

  test('a name that leads to loopback is refused, and the address is named', async () => {
    const url = `http://localhost:${receiver.port}/fix`;
    const target = bench.target({ url }, { spec: { allowPrivate: false } });
    expect((await failure(bench.act(target))).message).toMatch(
      /^fix: localhost leads to (127\.0\.0\.1|::1), which is not a public address/,
    );
  });

  test.each([
    ['only one of its addresses is private', ['93.184.215.14', '127.0.0.1']],
    ['it is loopback written as IPv6', ['::ffff:127.0.0.1']],
    ['it is loopback behind NAT64', ['64:ff9b::7f00:1']],
  ])('a name is refused where %s', async (_, addresses) => {
    const resolving = createBench(receiver.url, {
      resolve: (_name, _options, callback) => {
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      },
    });
    const url = `http://rebound.example:${receiver.port}/fix`;
    const target = resolving.target({ url }, { spec: { allowPrivate: false } });
    const error = await failure(resolving.act(target));
    expect(error.message).toContain('rebound.example leads to');
    expect(kindOf(error)).toBe('final');
    expect(receiver.received).toEqual([]);
  });

  test('a name is resolved once per request, and the judged address is the one connected to', async () => {
    let asked = 0;
    const resolving = createBench(receiver.url, {
      allowPrivate: ['127.0.0.1'],
      resolve: (_name, _options, callback) => {
        asked += 1;
        callback(null, [{ address: asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
      },
    });
    const target = resolving.target({ url: `http://name.example:${receiver.port}/fix` });
    await resolving.act(target);
    expect(asked).toBe(1);
    expect(receiver.received).toHaveLength(1);
    expect((await failure(resolving.act(target))).message).toContain('leads to 127.0.0.2');
    expect(receiver.received).toHaveLength(1);
  });

  test.each(['http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://[::ffff:7f00:1]/'])(
    'other spellings of loopback are refused: %s',
    async (url) => {
      const target = bench.target({ url }, { spec: { allowPrivate: false } });
      expect((await failure(bench.act(target))).message).toContain('is not a public address');
    },
  );
});

describe('TLS', () => {
  test('a certificate that nobody vouches for is refused, and nothing is sent', async () => {
    const pem = (name: string): Buffer => readFileSync(join(__dirname, 'fixtures', name));
    const tls = { key: pem('self-signed-key.pem'), cert: pem('self-signed.pem') };
    let requests = 0;
    const server = createTlsServer(tls, (_, response) => {
      requests += 1;
      response.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `https://localhost:${(server.address() as AddressInfo).port}/fix`;
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const error = await failure(bench.act(bench.target({ url })));
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    server.close();
    expect(error.message).toContain('its TLS certificate is not accepted');
    expect(kindOf(error)).toBe('final');
    expect(requests).toBe(0);
  });
});

describe('the breaker of a host', () => {
  test('opens after failures, says until when, and lets one request try afterwards', async () => {
    bench = createBench(receiver.url, { breaker: { volume: 3, resetMs: 3000 } });
    receiver.answer(answerWith(500));
    const target = bench.target({});
    for (let i = 0; i < 3; i++) expect(kindOf(await failure(bench.act(target)))).toBe('unknown');
    const before = Date.now();
    const refused = await failure(bench.act(target));
    expect(kindOf(refused)).toBe('transient');
    const until = /^(\S+) is not asked until (\S+): its last requests failed/.exec(refused.message);
    expect(until?.[1]).toBe(`127.0.0.1:${receiver.port}`);
    expect(Date.parse(until?.[2] ?? '')).toBeGreaterThan(before - 1000);
    expect(receiver.received).toHaveLength(3);

    // Half open: one tries, fails, and it is open again.
    await waitFor('the trial', async () => {
      await failure(bench.act(target));
      return receiver.received.length > 3;
    });
    await failure(bench.act(target));
    expect(receiver.received).toHaveLength(4);

    receiver.answer(answerWith(204));
    await waitFor('it to close', () => bench.act(target).catch(() => null));
    await bench.act(target);
    await bench.act(target);
    expect(receiver.received).toHaveLength(7);
  });

  test('stays closed where the receiver answers and refuses', async () => {
    bench = createBench(receiver.url, { breaker: { volume: 2 } });
    receiver.answer(answerWith(404));
    for (let i = 0; i < 5; i++) await failure(bench.act(bench.target({})));
    expect(receiver.received).toHaveLength(5);
  });

  test('is of one host alone', async () => {
    bench = createBench(receiver.url, { breaker: { volume: 2 } });
    const other = await startReceiver();
    receiver.answer(answerWith(500));
    for (let i = 0; i < 4; i++) await failure(bench.act(bench.target({})));
    expect(receiver.received).toHaveLength(2);
    await bench.act(bench.target({ url: `${other.url}/fix` }));
    await other.close();
    expect(other.received).toHaveLength(1);
  });

  test.each([
    ['seconds', (until: number) => String(Math.round((until - Date.now()) / 1000))],
    ['a date', (until: number) => new Date(until).toUTCString()],
  ])('a receiver that says when to come back is left alone until then: %s', async (_, header) => {
    receiver.answer(answerWith(429, 'slow down', { 'Retry-After': header(Date.now() + 60_000) }));
    expect(kindOf(await failure(bench.act(bench.target({}))))).toBe('transient');
    const error = await failure(bench.act(bench.target({})));
    expect(kindOf(error)).toBe('transient');
    expect(error.message).toContain(`127.0.0.1:${receiver.port} asked to be left alone until`);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('what is known of it', () => {
  test('its identity is what its inspect endpoint answers', async () => {
    const inspect = { url: `${receiver.url}/identity`, headers: { 'X-Token': 'plain' } };
    const target = bench.target({}, { spec: { inspect } });
    receiver.answer(answerWith(404));
    expect(await bench.runtime.inspect(target)).toMatchObject({ identity: null });
    receiver.answer(answerWith(200, ' pid 42 \n'));
    expect(await bench.runtime.inspect(target)).toMatchObject({ identity: 'pid 42' });
    expect(receiver.received[1]).toMatchObject({
      method: 'GET',
      path: '/identity',
      headers: { 'x-token': 'plain' },
    });
    receiver.answer(answerWith(200, 'x'.repeat(500)));
    const long = await bench.runtime.inspect(target);
    expect(long.identity).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test('a step whose inspect endpoint shows another identity was done', async () => {
    let starts = 1;
    receiver.answer((response, { method }) => {
      if (method === 'POST') starts += 1;
      answerWith(200, `start ${starts}`)(response);
    });
    const target = bench.target({}, { spec: { inspect: { url: receiver.url, headers: {} } } });
    const request = await bench.request(target);
    expect(await bench.runtime.findDone(request)).toBe('unknowable');
    const { identity } = await bench.runtime.execute(request, new AbortController().signal);
    expect(identity).toBe('start 2');
    expect(await bench.runtime.findDone(request)).toMatchObject({ identity: 'start 2' });
  });

  test('without one, a step that was begun is repeated only if it is idempotent', async () => {
    const once = await bench.request(bench.target({}));
    const often = await bench.request(bench.target({ idempotent: true }));
    expect(await bench.runtime.findDone(once)).toBe('unknowable');
    expect(await bench.runtime.findDone(often)).toBeNull();
    expect(receiver.received).toEqual([]);
  });
});
