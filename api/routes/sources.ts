import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listManifests } from '../../storage/manifests-read';
import { listSources, type SourceListing } from '../../storage/manifest-sources';
import { letThrough, releasePin } from '../../storage/manifest-standstill';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { conflict, notFound } from '../problems';
import { pastObjects, rollBack } from '../rollback';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['manifests'];
const MAX_OBJECTS = 100_000;

const heldAnswer = z
  .object({
    since: timeAnswer,
    count: z.number().describe('objects that it would remove'),
    of: z.number().describe('objects that the source has'),
    removals: z.array(z.string()).describe('the first of them'),
  })
  .nullable();

const pinAnswer = z
  .object({ revision: z.number(), by: z.string(), reason: z.string(), at: timeAnswer })
  .nullable();

const sourceAnswer = z.object({
  source: z.string(),
  revision: z.number().nullable(),
  appliedAt: timeAnswer.nullable(),
  author: z.string().nullable(),
  commit: z.string().nullable(),
  ref: z.string().nullable(),
  objects: z.number(),
  held: heldAnswer.describe('what is not applied, because it would remove too much'),
  pinned: pinAnswer.describe('the earlier revision that stays in force'),
});

const bySource = z.object({ source: z.string().min(1).max(500) });
const reason = z.string().trim().min(1).max(1000);

const changeAnswer = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  change: z.string(),
});

/** Where manifests come from: what waits for a person there, and how an earlier revision is brought back. */
export function sourceRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/sources',
      {
        schema: {
          tags: TAGS,
          summary: 'Sources of manifests: what is in force, held and pinned',
          response: { 200: z.object({ items: z.array(sourceAnswer) }) },
        },
      },
      async () => ({ items: (await listSources(deps.pool)).map(toAnswer) }),
    );

    app.post(
      '/sources/:source/allow-prune',
      {
        schema: {
          tags: TAGS,
          summary: 'Let the held revision remove what it removes; only that one, and once',
          params: bySource,
          body: z.strictObject({ reason: reason.optional() }).optional(),
          response: { 200: z.object({ source: z.string(), count: z.number(), of: z.number() }) },
        },
      },
      async ({ params: { source }, body, actor, id }) => {
        const asked = { actor, correlationId: id, reason: body?.reason ?? null };
        const held = await letThrough(deps.pool, source, asked);
        if (held === null) throw conflict(`nothing of source ${source} is held`);
        return { source, count: held.count, of: held.of };
      },
    );

    app.post(
      '/sources/:source/rollback',
      {
        schema: {
          tags: TAGS,
          summary: 'Bring back what the source had in force at an earlier revision, and pin it',
          description:
            'The pin ends when the source wants something else than it does now, or when it is released.',
          params: bySource,
          querystring: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
          body: z.strictObject({ revision: z.int().min(1), reason }),
          response: {
            200: z.object({
              revision: z.number().nullable().describe('null: it was in force already, or dry run'),
              changed: z.array(changeAnswer),
            }),
          },
        },
      },
      async ({ params: { source }, query, body, actor, id }) => {
        if (query.dryRun === 'true')
          return { revision: null, changed: await foretell(deps, source, body.revision) };
        return rollBack(deps, { ...body, source, author: actor, correlationId: id });
      },
    );

    app.post(
      '/sources/:source/release',
      {
        schema: {
          tags: TAGS,
          summary: 'End a pin: what the source wants is in force again',
          params: bySource,
          response: { 200: z.object({ source: z.string(), released: z.number() }) },
        },
      },
      async ({ params: { source }, actor, id }) => {
        const pin = await releasePin(deps.pool, source, { actor, correlationId: id });
        if (pin === null) throw conflict(`source ${source} is not pinned`);
        return { source, released: pin.revision };
      },
    );
  });
}

/** What a rollback would change, with nothing changed. */
async function foretell(
  deps: ApiDeps,
  source: string,
  revision: number,
): Promise<z.output<typeof changeAnswer>[]> {
  const past = await pastObjects(deps, { source, revision });
  const filter = { source, kind: null, namespace: null };
  const present = await listManifests(deps.pool, filter, { after: null, limit: MAX_OBJECTS });
  if (past.length + present.length === 0) throw notFound(`there is no source ${source}`);
  const keyOf = (one: { kind: string; namespace: string; name: string }): string =>
    `${one.kind} ${one.namespace}/${one.name}`;
  const now = new Map(present.map((one) => [keyOf(one), one]));
  const then = new Set(past.map(keyOf));
  const changeOf = (one: (typeof past)[number]): string | null => {
    const other = now.get(keyOf(one));
    if (other === undefined) return 'created';
    return other.checksum === one.checksum ? null : 'updated';
  };
  return [
    ...present.filter((one) => !then.has(keyOf(one))).map((one) => named(one, 'deleted')),
    ...past.flatMap((one) => {
      const change = changeOf(one);
      return change === null ? [] : [named(one, change)];
    }),
  ];
}

function named(
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
  change: string,
): z.output<typeof changeAnswer> {
  return { kind, namespace, name, change };
}

function toAnswer({ held, pin, appliedAt, ...row }: SourceListing): z.output<typeof sourceAnswer> {
  return {
    ...row,
    appliedAt: toTimeOrNull(appliedAt),
    held: held && {
      since: toTime(held.since),
      ...{ count: held.count, of: held.of, removals: held.removals },
    },
    pinned: pin && { revision: pin.revision, by: pin.by, reason: pin.reason, at: toTime(pin.at) },
  };
}
