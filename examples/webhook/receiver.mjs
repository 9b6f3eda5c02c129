/**
 * A receiver for Vigil's webhooks: checks who sent a request, what, and when, and acts once per step.
 *
 *   HOOK_KEY_FILE=/run/secrets/hook PORT=9000 node examples/webhook/receiver.mjs
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const MAX_AGE_S = 300;
const MAX_BYTES = 64 * 1024;

// Vigil cuts off a trailing line break of a secret's file, too.
const key = readFileSync(process.env.HOOK_KEY_FILE, 'utf8').replace(/\r?\n$/, '');
/** Idempotency keys of what was done; keep them where they outlive a restart. */
const done = new Set();

/** Whether the request is Vigil's, unchanged, and not an old one sent again. */
function isGenuine(headers, body) {
  const timestamp = headers['x-vigil-timestamp'] ?? '';
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!/^\d+$/.test(timestamp) || age > MAX_AGE_S) return false;
  const mac = createHmac('sha256', key).update(`${timestamp}.`).update(body).digest('hex');
  const expected = Buffer.from(`sha256=${mac}`);
  const given = Buffer.from(headers['x-vigil-signature'] ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function answer(response, status, text, headers = {}) {
  response.writeHead(status, headers).end(`${text}\n`);
}

function handle({ headers }, body, response) {
  if (!isGenuine(headers, body)) return answer(response, 401, 'not genuine');
  const id = headers['idempotency-key'] ?? '';
  // The same key in the answer: Vigil takes the step for done.
  if (done.has(id)) return answer(response, 409, 'done already', { 'Idempotency-Key': id });
  const { action, resource } = JSON.parse(body.toString());
  // Act here, before the answer: 2xx means that it is done.
  console.log(`${action} ${resource}`);
  done.add(id);
  return answer(response, 200, `${action} ${resource}: done`);
}

const server = createServer((request, response) => {
  const chunks = [];
  let bytes = 0;
  request.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) request.destroy();
    else chunks.push(chunk);
  });
  request.on('end', () => handle(request, Buffer.concat(chunks), response));
});
server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`);
});
