import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter } from 'prom-client';
import { z } from 'zod';
import type { NewSample } from '../../storage/samples';
import type { ApiDeps } from '../deps';
import { parseLenientJson } from '../ingest/json';
import { DEFAULT_SOURCE, parseSamples } from '../ingest/samples';
import { HttpProblem, unprocessable } from '../problems';

const CHANNEL = 'metrics:ingested';
const MAX_NAMES = 20;

const tags = z.record(z.string(), z.string());
/** For the documentation only: requests are checked by hand, in ingest/. */
const sample = z.strictObject({
  name: z.string().meta({ example: 'cpu_usage' }),
  value: z.number().meta({ description: 'finite', example: 0.42 }),
  tags: tags.optional().meta({ example: { service: 'web', host: 'a' } }),
  labels: tags.optional().meta({ description: 'another word for tags; send one of them' }),
  timestamp: z
    .union([z.string().meta({ format: 'date-time' }), z.number().int()])
    .optional()
    .meta({ description: 'RFC 3339 with a zone, or epoch milliseconds; default: now' }),
  source: z
    .string()
    .optional()
    .meta({ description: `who measured; default: ${DEFAULT_SOURCE}` }),
});
const answer = z.object({ ok: z.literal(true), accepted: z.number(), requestId: z.string() });

export function ingestRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  const { config, redis, samples: store } = deps;
  const accepted = counter(deps, 'vigil_samples_accepted_total', 'Samples committed by ingest');
  const refused = counter(deps, 'vigil_ingest_refused_total', 'Ingest requests with a bad sample');

  return async (app) => {
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, parseBody(body as string));
      } catch (error) {
        done(error as Error);
      }
    });

    app.route({
      method: 'POST',
      url: '/ingest',
      schema: {
        tags: ['samples'],
        summary: 'Store one sample, or an array of samples',
        description: 'All or nothing: one bad sample refuses the request, naming every problem.',
        body: z.union([sample, z.array(sample)]),
        response: { 201: answer },
      },
      validatorCompiler: () => (body: unknown) => ({ value: body }),
      handler: async (request, reply) => {
        const { samples, problems } = parseSamples(request.body, {
          now: deps.now(),
          maxBatch: config.maxBatch,
          retentionMs: config.retention,
        });
        if (problems.length > 0) {
          refused.inc();
          throw unprocessable('nothing was stored', problems);
        }
        await store.append(samples, request.id);
        accepted.inc(samples.length);
        redis?.publish(CHANNEL, {
          accepted: samples.length,
          names: distinctNames(samples),
          requestId: request.id,
        });
        reply.code(201);
        return { ok: true as const, accepted: samples.length, requestId: request.id };
      },
    });
  };
}

/** The routes are registered twice, with and without prefix; their counter is one. */
function counter({ registry }: ApiDeps, name: string, help: string): Counter {
  const existing = registry.getSingleMetric(name);
  return existing instanceof Counter
    ? existing
    : new Counter({ name, help, registers: [registry] });
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    return parseAgain(body, cause);
  }
}

function parseAgain(body: string, cause: unknown): unknown {
  try {
    return parseLenientJson(body);
  } catch {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HttpProblem(400, `the body is not JSON: ${reason}`, { cause });
  }
}

function distinctNames(samples: readonly NewSample[]): string[] {
  const names = new Set<string>();
  for (const { name } of samples) {
    names.add(name);
    if (names.size === MAX_NAMES) break;
  }
  return [...names];
}
