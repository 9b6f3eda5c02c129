import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { demotionAudit, demotionNotice } from '../../domain/action/demotion';
import { DEFAULT_NAMESPACE, type ResourceName } from '../../domain/resource';
import { duration } from '../../platform/config-sections';
import { insertAudit } from '../../storage/audit';
import { inTransaction } from '../../storage/database';
import { liftDemotion, loadDemotion } from '../../storage/demotions';
import { insertNotice } from '../../storage/notices';
import type { ApiDeps } from '../deps';
import { effectivenessAnswer, judgeEffectiveness } from '../effectiveness';
import { plugin } from '../plugin';
import { findPolicy } from '../policies';
import { conflict } from '../problems';

const TAGS = ['policies'];

const DAY_MS = 86_400_000;
const windowQuery = z.object({
  window: duration
    .refine((ms) => ms > 0 && ms <= 3660 * DAY_MS, 'write up to ten years, 3660d')
    .default(30 * DAY_MS)
    .describe('back from now: `30d` by default'),
});
const reasonBody = z.strictObject({ reason: z.string().trim().min(1).max(1000) });
const promoted = z.object({ policy: z.string(), wasDemoted: z.string().describe('why it was') });

/** Whether a policy's fixes hold, and a person's word that it may act by itself again. */
export function policyEffectivenessRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    for (const [path, params] of ADDRESSES) {
      app.get(
        `${path}/effectiveness`,
        {
          schema: {
            tags: TAGS,
            summary: 'How often a policy’s actions fixed it, and for how long',
            params,
            querystring: windowQuery,
            response: { 200: effectivenessAnswer },
          },
        },
        async ({ params: place, query: { window } }) => {
          const row = await findPolicy(deps, placeOf(place));
          return judgeEffectiveness(deps, row, window);
        },
      );

      app.post(
        `${path}/promote`,
        {
          schema: {
            tags: TAGS,
            summary: 'Let a demoted policy act by itself again',
            params,
            body: reasonBody,
            response: { 200: promoted },
          },
        },
        async ({ params: place, body: { reason }, actor, id }) =>
          promote(deps, placeOf(place), { reason, actor, correlationId: id }),
      );
    }
  });
}

const short = z.object({ name: z.string() });
const full = short.extend({ namespace: z.string() });

/** Without a namespace, that of the default one. */
const ADDRESSES = [
  ['/policies/:namespace/:name', full],
  ['/policies/:name', short],
] as const;

function placeOf(place: { name: string; namespace?: string }): ResourceName {
  return { namespace: DEFAULT_NAMESPACE, ...place };
}

async function promote(
  deps: ApiDeps,
  place: ResourceName,
  by: { reason: string; actor: string; correlationId: string },
): Promise<z.output<typeof promoted>> {
  const { policy: key, revision, document } = await findPolicy(deps, place);
  return inTransaction(deps.pool, async (db) => {
    const demotion = await loadDemotion(db, { key, revision });
    const isLifted = demotion !== null && (await liftDemotion(db, { key, revision }, by.actor));
    if (!isLifted) throw conflict(`policy ${key} is not demoted`);
    const change = { ...by, event: 'promoted', revision, door: 'api' } as const;
    await insertAudit(db, [demotionAudit(document, change)]);
    await insertNotice(db, demotionNotice(document, change));
    return { policy: key, wasDemoted: demotion.reason };
  });
}
