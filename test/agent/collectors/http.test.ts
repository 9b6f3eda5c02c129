import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lookAtEndpoint } from '../../../agent/collectors/http';

let server: Server | null = null;
afterEach(
  () =>
    new Promise<void>((resolve) => {
      if (server === null) {
        resolve();
        return;
      }
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
      server = null;
    }),
);

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/health`;
}

async function look(
  endpoint: string,
  timeoutMs = 2_000,
): Promise<{ isUrgent: boolean; http_up?: number; http_response_seconds?: number }> {
  const tags = { namespace: 'default', resource: 'web' };
  const { samples, isUrgent } = await lookAtEndpoint({ endpoint, timeoutMs, tags }, () => 77);
  for (const sample of samples) expect(sample).toMatchObject({ tags, timestamp: 77 });
  return { isUrgent, ...Object.fromEntries(samples.map(({ name, value }) => [name, value])) };
}

test.each([
  [200, 1],
  [204, 1],
  [302, 1],
  [404, 0],
  [503, 0],
])('status %i gives http_up %i and the response time', async (status, up) => {
  const url = await serve((_, response) => response.writeHead(status).end('body'));
  const looked = await look(url);
  expect(looked).toMatchObject({ http_up: up, isUrgent: up === 0 });
  expect(looked.http_response_seconds).toBeGreaterThan(0);
});

test('nobody listening, a broken address and an unknown scheme are down, without a response time', async () => {
  const url = await serve(() => undefined);
  await new Promise((resolve) => server?.close(resolve));
  server = null;
  for (const endpoint of [url, 'no address', 'ftp://127.0.0.1/', '']) {
    expect(await look(endpoint)).toEqual({ http_up: 0, isUrgent: true });
  }
});

test('no answer within the timeout is down', async () => {
  const url = await serve(() => undefined);
  expect(await look(url, 50)).toEqual({ http_up: 0, isUrgent: true });
});

test('an answer that stops in the middle is down', async () => {
  const slow = await serve((_, response) => response.writeHead(200).write('half'));
  expect(await look(slow, 100)).toEqual({ http_up: 0, isUrgent: true });
});

test('a connection that is cut in the middle is down', async () => {
  const url = await serve((request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half', () => {
      request.socket.destroy();
    });
  });
  expect(await look(url)).toEqual({ http_up: 0, isUrgent: true });
});

test('every attempt opens a connection of its own', async () => {
  const ports = new Set<number | undefined>();
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end('ok');
  });
  for (let n = 0; n < 3; n++) await look(url);
  expect(ports.size).toBe(3);
});
