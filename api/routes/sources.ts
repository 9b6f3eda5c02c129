import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listSources, type Held, type SourceListing } from '../../storage/manifest-sources';
import { letThrough, releasePin, type Permission } from '../../storage/manifest-standstill';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { conflict } from '../problems';
import { rollBack } from '../rollback';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['manifests'];

const heldAnswer = z
  .object({
    since: timeAnswer,
    checksum: z.string().describe('names it when it is allowed'),
    count: z.number().describe('objects that it would remove'),
    of: z.number().describe('objects that the source has'),
    removals: z.array(z.string()).describe('the first of them'),
  })
  .nullable();

const pinAnswer = z
  .object({ revision: z.number(), by: z.string(), reason: z.string(), at: timeAnswer })
  .nullable();

const errorAnswer = z
  .object({ message: z.string(), problems: z.array(z.string()), since: timeAnswer })
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
  error: errorAnswer.describe('why what it says now is not in force'),
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
          body: z
            .strictObject({
              reason: reason.optional(),
              checksum: z
                .string()
                .optional()
                .describe('of what is meant; something else that is held by then stays held'),
            })
            .nullish(),
          response: { 200: z.object({ source: z.string(), count: z.number(), of: z.number() }) },
        },
      },
      async ({ params: { source }, body, actor, id }) => {
        const { reason: why = null, checksum = null } = body ?? {};
        const permission = { actor, correlationId: id, reason: why, checksum };
        const { count, of } = await allowPrune(deps, source, permission);
        return { source, count, of };
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
        const isDryRun = query.dryRun === 'true';
        return rollBack(deps, { ...body, source, isDryRun, author: actor, correlationId: id });
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
        if (pin === null) {
          const pinned = await sourcesThat(deps, (row) => row.pin !== null);
          throw conflict(`source ${source} is not pinned; sources that are pinned: ${pinned}`);
        }
        return { source, released: pin.revision };
      },
    );
  });
}

/** The sources for which it is so, for a message. */
async function sourcesThat(deps: ApiDeps, is: (row: SourceListing) => boolean): Promise<string> {
  const names = (await listSources(deps.pool)).filter(is).map(({ source }) => source);
  return names.join(', ') || 'none';
}

async function allowPrune(deps: ApiDeps, source: string, permission: Permission): Promise<Held> {
  const result = await letThrough(deps.pool, source, permission);
  switch (result.kind) {
    case 'allowed':
      return result.held;
    case 'movedOn': {
      const { count, of, checksum } = result.held;
      throw conflict(
        `source ${source} moved on: what is held now would remove ${count} of ${of} objects; allow checksum ${checksum} if that is meant`,
      );
    }
    case 'nothingHeld': {
      const held = await sourcesThat(deps, (row) => row.held !== null);
      throw conflict(`nothing of source ${source} is held; sources that are held: ${held}`);
    }
  }
}

function toAnswer({
  held,
  pin,
  error,
  appliedAt,
  ...row
}: SourceListing): z.output<typeof sourceAnswer> {
  return {
    ...row,
    appliedAt: toTimeOrNull(appliedAt),
    held: held && {
      ...{ since: toTime(held.since), checksum: held.checksum },
      ...{ count: held.count, of: held.of, removals: held.removals },
    },
    error: error && { ...error, since: toTime(error.since) },
    pinned: pin && { revision: pin.revision, by: pin.by, reason: pin.reason, at: toTime(pin.at) },
  };
}
