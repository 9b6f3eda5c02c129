import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { SEVERITIES } from '../../domain/policy/policy';
import { getDrift, listDrift, type DriftRow } from '../../storage/drift-read';
import { sentenceOf } from '../../domain/drift/describe';
import { attributionAnswer, changeAnswer, toAttributionAnswer } from '../change-answer';
import type { ApiDeps } from '../deps';
import { meaningOf, type DriftMeaning } from '../drift';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { timeField } from '../query-fields';
import { toResourceKey } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['drift'];

const driftAnswer = changeAnswer.extend({
  id: z.number(),
  resource: z.string(),
  severity: z.enum(SEVERITIES).nullable().describe('null: written before it was kept'),
  attribution: attributionAnswer.nullable(),
  onset: timeAnswer.describe('the first observation that differed'),
  resolvedAt: timeAnswer.nullable(),
  revision: z.number(),
  observer: z.string().nullable().describe('who saw the resource last'),
  impact: z.array(z.string()).describe('resources that need this one, directly or through others'),
  recommended: z
    .object({ step: z.enum(['start', 'sync', 'nothing']), why: z.string() })
    .nullable()
    .describe('what repairs everything that differs of the resource; null: it is over'),
  held: z
    .object({
      gate: z
        .string()
        .describe('a gate, `awaiting_approval`, `disabled`, or `detect_only`: nobody asks for it'),
      detail: z.string(),
      until: timeAnswer.nullable(),
    })
    .nullable()
    .describe('why nothing repairs it now'),
  actionId: z.string().nullable().describe('the repair that waits or works'),
});

const filters = z.object({
  resource: z.string().optional(),
  namespace: z.string().optional(),
  resolved: z.enum(['true', 'false']).optional(),
  severity: z.enum(SEVERITIES).optional(),
  kind: z.enum(['missing', 'extra', 'changed', 'version']).optional(),
  pointer: z.string().optional().describe('how the pointer begins: `/env/`'),
  since: timeField.optional().describe('what differed then or later'),
  until: timeField.optional().describe('what differed then or before'),
});

/** Drift: how what is observed differs, or differed, from what is desired. */
export function driftRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/drift',
      {
        schema: {
          tags: TAGS,
          summary: 'Differences between desired and observed, newest first',
          querystring: filters.extend(pageQuery),
          response: { 200: pageOf(driftAnswer) },
        },
      },
      async ({ query }) => {
        const before = readCursor(query.cursor, z.int());
        const rows = await listDrift(deps.pool, toFilter(query), {
          ...{ before, limit: query.limit + 1 },
        });
        const meanings = await meaningOf(deps, resourcesOf(rows));
        return toPage(rows, query.limit, {
          itemOf: (row) => toAnswer(row, meanings.get(row.resource)),
          placeOf: (row) => row.id,
        });
      },
    );

    app.get(
      '/drift/:id',
      {
        schema: {
          tags: TAGS,
          summary: 'One difference',
          params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
          response: { 200: driftAnswer },
        },
      },
      async ({ params: { id } }) => {
        const row = await getDrift(deps.pool, id);
        if (row === null) throw notFound(`there is no drift ${id}`);
        const meanings = await meaningOf(deps, [row.resource]);
        return toAnswer(row, meanings.get(row.resource));
      },
    );
  });
}

function toFilter(query: z.output<typeof filters>) {
  return {
    resource: query.resource === undefined ? null : toResourceKey(query.resource),
    namespace: query.namespace ?? null,
    isResolved: query.resolved === undefined ? null : query.resolved === 'true',
    severity: query.severity ?? null,
    kind: query.kind ?? null,
    pointer: query.pointer ?? null,
    since: query.since ?? null,
    until: query.until ?? null,
  };
}

function resourcesOf(rows: readonly DriftRow[]): string[] {
  return [...new Set(rows.map(({ resource }) => resource))];
}

const NOTHING = { impact: [], recommended: null, held: null, actionId: null };

function toAnswer(row: DriftRow, known: DriftMeaning | undefined): z.output<typeof driftAnswer> {
  const { severity, attribution, ...change } = row;
  const meaning = known ?? NOTHING;
  // What is over needs no step, and nothing holds it.
  const { recommended, held, actionId } = row.resolvedAt === null ? meaning : NOTHING;
  return {
    ...change,
    severity,
    sentence: sentenceOf(change),
    attribution: toAttributionAnswer(attribution),
    onset: toTime(row.onset),
    resolvedAt: toTimeOrNull(row.resolvedAt),
    ...{ impact: meaning.impact, recommended, actionId },
    held: held && { ...held, until: toTimeOrNull(held.until) },
  };
}
