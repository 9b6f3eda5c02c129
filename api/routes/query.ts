import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  AGGREGATES,
  aggregateSamples,
  selectSamples,
  type Aggregate,
  type SampleSelection,
} from '../../storage/sample-queries';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { unprocessable } from '../problems';
import { stepField, tagFields, timeField } from '../query-fields';
import { timeAnswer, toTime } from '../times';

const DEFAULT_RANGE_MS = 3_600_000;
const MAX_STEPS = 11_000;
const MAX_POINTS = 100_000;

const querystring = z
  .strictObject({
    name: z
      .string()
      .regex(/^[^\0]+$/)
      .optional(),
    tag: tagFields,
    from: timeField.optional(),
    to: timeField.optional(),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    cursor: pageQuery.cursor,
    step: stepField.optional().meta({ example: '10s' }),
    aggregate: z.enum(Object.keys(AGGREGATES) as [Aggregate, ...Aggregate[]]).optional(),
  })
  .refine(({ aggregate, step }) => aggregate === undefined || step !== undefined, {
    path: ['step'],
    message: 'is needed by aggregate',
  });
type Query = z.output<typeof querystring>;

const series = { name: z.string(), tags: z.record(z.string(), z.string()), source: z.string() };
const point = z.object({ timestamp: timeAnswer, value: z.number() });
const answer = z.union([
  pageOf(z.object({ ...series, timestamp: timeAnswer, value: z.number() })),
  pageOf(z.object({ ...series, points: z.array(point) })),
]);

const rawPlace = z.tuple([z.number(), z.number().int(), z.number()]);
const seriesPlace = z.number().int();

export function queryRoutes({ pool, now }: ApiDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/query',
      schema: {
        tags: ['samples'],
        summary: 'Stored samples, or their aggregate per step',
        description: 'Without from and to: the last hour. Both ends are included.',
        querystring,
        response: { 200: answer },
      },
      handler: async ({ query }) => {
        const selection = toSelection(query, now());
        return query.step === undefined
          ? samplesPage(selection, query)
          : stepsPage(selection, query, query.step);
      },
    });
  };

  async function samplesPage(selection: SampleSelection, { cursor, limit }: Query) {
    const place = readCursor(cursor, rawPlace);
    const rows = await selectSamples(pool, selection, { place, limit: limit + 1 });
    return toPage(rows, limit, {
      itemOf: ({ name, tags, source, ts, value }) => ({
        ...{ name, tags, source },
        timestamp: toTime(ts),
        value,
      }),
      placeOf: ({ ts, seriesId, value }) => [ts, seriesId, value],
    });
  }

  async function stepsPage(selection: SampleSelection, query: Query, stepMs: number) {
    const steps = countSteps(selection, stepMs);
    const limit = Math.max(1, Math.min(query.limit, Math.floor(MAX_POINTS / steps)));
    const rows = await aggregateSamples(pool, selection, {
      stepMs,
      aggregate: query.aggregate ?? 'avg',
      afterSeries: readCursor(query.cursor, seriesPlace) ?? 0,
      limit: limit + 1,
    });
    return toPage(rows, limit, {
      itemOf: ({ name, tags, source, points }) => ({
        ...{ name, tags, source },
        points: points.map(([ts, value]) => ({ timestamp: toTime(ts), value })),
      }),
      placeOf: ({ seriesId }) => seriesId,
    });
  }
}

function toSelection({ name, tag, from, to }: Query, now: number): SampleSelection {
  // Samples may be a little ahead of our clock: without `to` they are included.
  const end = to ?? now + DEFAULT_RANGE_MS;
  const start = from ?? (to ?? now) - DEFAULT_RANGE_MS;
  if (start > end) {
    throw unprocessable('the range is empty', [{ field: 'from', message: 'is after to' }]);
  }
  return { name: name ?? null, tags: tag, from: start, to: end };
}

function countSteps({ from, to }: SampleSelection, stepMs: number): number {
  const steps = Math.floor((to - from) / stepMs) + 1;
  if (steps <= MAX_STEPS) return steps;
  const message = `makes ${steps} steps of this range; at most ${MAX_STEPS} are answered`;
  throw unprocessable('the step is too small', [{ field: 'step', message }]);
}
