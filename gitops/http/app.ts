import { STATUS_CODES } from 'node:http';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { carriesToken } from '../../platform/bearer-token';
import type { Logger } from '../../platform/logger';
import type { SourceStatus } from '../round';
import type { Push } from '../sources/source';
import { BodyError, readSecret, SENDER, SENDERS, type SenderName } from './senders';

export interface GitopsAppDeps {
  statuses: () => SourceStatus[];
  /** Looks at the sources that a push may have changed; their names. */
  wake: (push: Push) => string[];
  /** File with each sender's key; without one it is refused. */
  secretFiles: Readonly<Partial<Record<SenderName, string | undefined>>>;
  /** For all but /health and /webhooks; null: anybody who reaches it. */
  token: string | null;
  registry: Registry;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
}

/** GitHub sends up to 25 MB. */
const MAX_BODY = 25 * 1024 * 1024;
const MAX_PER_MINUTE = 600;

/** The HTTP side of gitops without a socket: call `listen` or `inject` on the result. */
export async function buildApp(deps: GitopsAppDeps): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: MAX_BODY, forceCloseConnections: true });
  await app.register(rateLimit, { max: MAX_PER_MINUTE, timeWindow: '1 minute' });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) deps.logger.error({ err: error }, 'request failed');
    problem(
      reply,
      status,
      status >= 500 ? 'something went wrong; the log says what' : error.message,
    );
  });
  app.setNotFoundHandler((request, reply) => {
    problem(reply, 404, `there is no ${request.method} ${request.url.split('?')[0] ?? ''}`);
  });
  pages(app, deps);
  // A scope of its own: its bodies are bytes, whatever they say they are.
  await app.register((scope, _options, done) => {
    webhooks(scope, deps);
    done();
  });
  return app;
}

function pages(app: FastifyInstance, { statuses, registry, token }: GitopsAppDeps): void {
  app.addHook('onRequest', (request, reply, done) => {
    const path = request.routeOptions.url ?? '';
    const isOpen = token === null || path === '/health' || path.startsWith('/webhooks/');
    if (isOpen || carriesToken(request.headers.authorization, token)) {
      done();
      return;
    }
    reply.header('www-authenticate', 'Bearer');
    problem(reply, 401, 'send the header Authorization: Bearer <token>');
  });
  app.get('/health', () => {
    const items = statuses();
    const isDegraded = items.some(({ lastError }) => lastError !== null);
    return { status: isDegraded ? 'degraded' : 'ok', sources: items };
  });
  app.get('/status', () => ({ items: statuses() }));
  app.get('/metrics', async (_request, reply) => {
    reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
}

function webhooks(scope: FastifyInstance, deps: GitopsAppDeps): void {
  const deliveries = new Counter({
    name: 'vigil_gitops_webhooks_total',
    help: 'Webhook deliveries by sender and what came of them',
    labelNames: ['sender', 'result'] as const,
    registers: [deps.registry],
  });
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  for (const sender of SENDERS) {
    scope.post(`/webhooks/${sender}`, async (request, reply) => {
      const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await receive(deps, sender, {
        headers: request.headers,
        raw,
        now: deps.now(),
      });
      deliveries.inc({ sender, result: answer.result });
      if ('detail' in answer) return problem(reply, answer.status, answer.detail);
      return reply.code(202).send({ woken: answer.woken });
    });
  }
}

type Answer =
  | { result: 'taken' | 'ignored'; woken: string[] }
  | { result: 'refused' | 'unreadable' | 'failed'; status: number; detail: string };

/** A push carries nothing that is believed: it only makes its sources look. */
async function receive(
  { secretFiles, wake, logger }: GitopsAppDeps,
  sender: SenderName,
  delivery: Parameters<(typeof SENDER)['github']['pushOf']>[0],
): Promise<Answer> {
  const file = secretFiles[sender];
  if (file === undefined) {
    const detail = `no key of ${sender} is configured: set gitops.webhooks.${sender}.secretFile`;
    return { result: 'refused', status: 403, detail };
  }
  const secret = await readSecret(file).catch((error: unknown) => {
    logger.error({ err: error, sender, file }, 'webhook key cannot be read');
    return null;
  });
  if (secret === null) {
    const detail = `the key in gitops.webhooks.${sender}.secretFile cannot be read; the log says why`;
    return { result: 'failed', status: 503, detail };
  }
  const refusal = SENDER[sender].refusal(delivery, secret);
  if (refusal !== null) {
    logger.warn({ sender, reason: refusal }, 'webhook refused');
    return { result: 'refused', status: 401, detail: refusal };
  }
  try {
    const push = SENDER[sender].pushOf(delivery);
    if (push === null) return { result: 'ignored', woken: [] };
    const woken = wake(push);
    logger.info({ sender, ref: push.ref, woken }, 'push heard');
    return { result: 'taken', woken };
  } catch (error) {
    if (error instanceof BodyError)
      return { result: 'unreadable', status: 400, detail: error.message };
    throw error;
  }
}

function problem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((value: unknown) => JSON.stringify(value))
    .send({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail });
}
