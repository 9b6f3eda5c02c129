import type { ManualRequest, RequestAnswer } from '../domain/action/resource-state';
import { observedOnly } from '../domain/resource';
import { inTransaction } from '../storage/database';
import { loadPolicy, loadResource } from '../storage/decision-facts';
import { recordHandled } from '../storage/deliveries';
import { findOpenRequest, findRequest } from '../storage/requests';
import type { ActivityDeps } from './deps';
import { answerMade, answerOpen } from './request-answer';
import { awayOf, lookAt, notFiringYet } from './request-ask';
import { makeRequest } from './request-make';
import { makeManualRequest } from './request-manual';
import { judgeLastFix } from './trust';

export interface RequestInput {
  resource: string;
  policy: string;
  /** Version of the verdicts that the workflow has handled. */
  handledVersion: number;
  correlationId: string | null;
}

export type RequestReply = RequestAnswer & { hasSearchAttributes: boolean };

export function createRequestActivities(deps: ActivityDeps) {
  const { pool } = deps;
  const reply = (answer: RequestAnswer): RequestReply => ({
    ...answer,
    hasSearchAttributes: deps.hasSearchAttributes,
  });

  return {
    /** Decides on the stored samples whether the policy may act now; asking again finds the same request. */
    async request(input: RequestInput): Promise<RequestReply> {
      await recordHandled(pool, input.resource, input.handledVersion);
      const resource = await loadResource(pool, input.resource);
      const stored = await loadPolicy(pool, input.policy);
      if (stored === null || stored.policy.enabled === false) return reply({ kind: 'gone' });
      const open = await findOpenRequest(pool, input.resource, input.policy);
      if (open !== null) return reply(await answerOpen(deps, open));
      const ask = await lookAt(deps, resource ?? observedOnly(input.resource), stored);
      const early = notFiringYet(ask);
      if (early !== null) return reply(early);
      const made = await inTransaction(pool, async (db) => {
        const firedAt = ask.since + stored.policy.condition.forMs;
        const limits = deps.constants.trust;
        await judgeLastFix(db, stored, { resource: ask.resource.key, firedAt, limits });
        return makeRequest(db, ask, input.correlationId);
      });
      return reply(typeof made === 'string' ? await answerMade(deps, made) : made);
    },

    /** The same for an action that a person asked for: no condition, fewer gates. */
    async requestManual(input: {
      resource: string;
      request: ManualRequest;
    }): Promise<RequestReply> {
      const { resource: key, request } = input;
      const known = await findRequest(pool, request.actionId);
      if (known !== null) return reply(await answerOpen(deps, known));
      const resource = await loadResource(pool, key);
      if (resource === null) return reply({ kind: 'gone' });
      const hostAway = await awayOf(deps, resource);
      const made = await inTransaction(pool, (db) =>
        makeManualRequest(db, { resource, hostAway }, request),
      );
      return reply(made ?? (await answerMade(deps, request.actionId)));
    },
  };
}
