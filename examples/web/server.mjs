// A small HTTP server to look after: it can be killed, loaded and made sick.
//
//   GET /                   what it is, its pid and since when it runs
//   GET /health             200 {"ok":true}, or 503 while it is sick
//   GET /load?seconds=60    burns CPU time in this process and still answers
//   GET /sick?seconds=30    /health answers 503 for that long
//   GET /crash              exits with code 1
//
// PORT (default 3000; 0 lets the system pick one) and HOST (default 127.0.0.1) come from the environment.
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { URL } from 'node:url';

const BURN_MS = 95;
const BREATH_MS = 5;

const startedAt = new Date().toISOString();
let loadedUntil = 0;
let sickUntil = 0;
let burning;

function burn() {
  const end = performance.now() + BURN_MS;
  while (performance.now() < end);
  // The pause lets requests be answered between two slices: 95 % of a core, and still healthy.
  burning = performance.now() < loadedUntil ? setTimeout(burn, BREATH_MS) : undefined;
}

/** `seconds` of the query, or the default; null when it is no number from 0 to 3600. */
function secondsOf(url, fallback) {
  const seconds = Number(url.searchParams.get('seconds') ?? fallback);
  return seconds >= 0 && seconds <= 3600 ? seconds : null;
}

function until(url, fallback, set) {
  const seconds = secondsOf(url, fallback);
  if (seconds === null) return [422, { error: 'seconds must be a number from 0 to 3600' }];
  set(performance.now() + seconds * 1000);
  return [200, { ok: true, seconds }];
}

const ROUTES = {
  '/': () => [200, `Hello from process ${process.pid}, running since ${startedAt}\n`],
  '/health': () =>
    performance.now() < sickUntil ? [503, { ok: false, reason: 'sick' }] : [200, { ok: true }],
  '/load': (url) =>
    until(url, 60, (time) => {
      loadedUntil = time;
      burning ??= setTimeout(burn, BREATH_MS);
    }),
  '/sick': (url) =>
    until(url, 30, (time) => {
      sickUntil = time;
    }),
  '/crash': () => {
    setTimeout(() => process.exit(1), 20);
    return [200, { ok: true }];
  },
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [status, body] = ROUTES[url.pathname]?.(url) ?? [404, { error: 'not found' }];
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
});

server.on('error', (error) => {
  process.stderr.write(`cannot listen: ${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1', () => {
  const { address, port } = server.address();
  process.stdout.write(`listening on http://${address}:${port}\n`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    clearTimeout(burning);
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
