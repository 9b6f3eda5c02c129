import { once, setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { sealedAfter, type AuditRow } from '../../storage/audit-read';
import { listen, type Listener } from '../../storage/listen';
import { newestSeal } from '../../storage/seals';
import { toAuditAnswer } from '../answers';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { createWaker, type Waker } from '../waker';

const BATCH = 200;
const HEARTBEAT_MS = 15_000;
/** The net below `vigil_sealed`, only while somebody reads. */
const POLL_MS = 5000;

/** Audit rows as they are sealed, to any number of readers, resumable; with or without Redis. */
export function eventRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    const readers = createReaders(deps);
    app.addHook('preClose', () => readers.close());
    app.get(
      '/events',
      {
        schema: {
          tags: ['audit'],
          summary: 'Server-sent events: audit rows as they are sealed',
          description:
            'The id of an event is its seal: send it back as Last-Event-ID to go on after it. Without it, only what is sealed from now on.',
          produces: ['text/event-stream'],
          headers: z.object({ 'last-event-id': z.coerce.number().int().min(0).optional() }),
          querystring: z.object({ namespace: z.string().optional() }),
        },
      },
      async (request, reply) => {
        const seal = request.headers['last-event-id'] ?? (await newestSeal(deps.pool));
        const headers = reply.getHeaders();
        reply.hijack();
        reply.raw.writeHead(200, {
          ...(headers as Record<string, string>),
          'content-type': 'text/event-stream',
          'cache-control': 'no-cache, no-transform',
          connection: 'keep-alive',
        });
        await readers.serve(reply.raw, { seal, namespace: request.query.namespace ?? null });
      },
    );
  });
}

interface Position {
  seal: number;
  namespace: string | null;
}

interface Readers {
  /** Resolves when the reader has gone or the server closes. */
  serve: (response: ServerResponse, from: Position) => Promise<void>;
  close: () => Promise<void>;
}

/** One listener for all readers, only while there are any. */
function createReaders({ pool, logger }: ApiDeps): Readers {
  const running = new Map<Waker, Promise<void>>();
  const closing = new AbortController();
  // Each waiting write listens to it.
  setMaxListeners(0, closing.signal);
  let listener: Listener | null = null;

  const wakeAll = (): void => {
    for (const waker of running.keys()) waker.wake();
  };

  async function tail(response: ServerResponse, position: Position, waker: Waker): Promise<void> {
    let { seal } = position;
    let lastWrite = Date.now();
    response.write(': connected\n\n');
    while (!closing.signal.aborted && !response.destroyed) {
      const rows = await sealedAfter(pool, { ...position, seal, limit: BATCH });
      for (const row of rows) {
        await write(response, toEvent(row), closing.signal);
        seal = row.seal;
        lastWrite = Date.now();
      }
      if (rows.length === BATCH) continue;
      await waker.wait(POLL_MS);
      if (Date.now() - lastWrite < HEARTBEAT_MS - POLL_MS) continue;
      await write(response, ': still here\n\n', closing.signal);
      lastWrite = Date.now();
    }
  }

  return {
    async serve(response, from) {
      const waker = createWaker();
      response.on('close', waker.wake);
      const reading = tail(response, from, waker).catch((err: unknown) => {
        // The reader comes back with Last-Event-ID and misses nothing.
        if (!response.destroyed) logger.warn({ err }, 'a reader of events was cut off');
      });
      running.set(waker, reading);
      listener ??= listen(pool, {
        channels: ['vigil_sealed'],
        onNotify: wakeAll,
        onListening: wakeAll,
      });
      await reading;
      response.end();
      running.delete(waker);
      if (running.size > 0) return;
      const idle = listener;
      listener = null;
      await idle.close();
    },
    async close() {
      closing.abort();
      wakeAll();
      await Promise.all(running.values());
      await listener?.close();
    },
  };
}

function toEvent(row: AuditRow & { seal: number }): string {
  return `id: ${row.seal}\nevent: ${row.event}\ndata: ${JSON.stringify(toAuditAnswer(row))}\n\n`;
}

/** Waits for a slow reader instead of buffering for it; no longer than until the server closes. */
async function write(response: ServerResponse, text: string, closing: AbortSignal): Promise<void> {
  if (response.destroyed || response.write(text) || closing.aborted) return;
  const waiting = new AbortController();
  const signal = AbortSignal.any([waiting.signal, closing]);
  const ends = [once(response, 'drain', { signal }), once(response, 'close', { signal })];
  await Promise.race(ends).catch(() => undefined);
  waiting.abort();
  await Promise.allSettled(ends);
}
