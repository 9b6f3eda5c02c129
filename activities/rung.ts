import { capDetails } from '../domain/action/details';
import { foretell } from '../domain/action/foretell';
import type { Undo } from '../domain/action/ladder';
import type { ActionPlan } from '../domain/action/action';
import type { Snapshot } from '../domain/action/runtime';
import { insertAudit } from '../storage/audit';
import { inTransaction } from '../storage/database';
import { loadPolicyRevision } from '../storage/decision-facts';
import { undoOverrides } from '../storage/overrides';
import { auditOf } from '../storage/requests';
import type { ActivityDeps } from './deps';

interface UndoneInput {
  plan: ActionPlan;
  step: number;
  undo: Extract<Undo, { kind: 'restored' | 'broken' }>;
  details?: Record<string, unknown>;
}

export function createRungActivities({ pool }: Pick<ActivityDeps, 'pool'>) {
  return {
    /** Writes down that a step which did not help was undone, or that this failed. */
    async undone({ plan, step, undo, details = {} }: UndoneInput): Promise<void> {
      const { action } = plan.steps[step] ?? { action: '' };
      const said =
        undo.kind === 'restored'
          ? { action, summary: undo.summary, ...capDetails(details) }
          : { action, failed: undo.why };
      await inTransaction(pool, async (db) => {
        if (undo.kind === 'restored') await undoOverrides(db, plan.actionId);
        await insertAudit(db, [auditOf(plan, 'restored', said, { step, door: 'worker' })]);
      });
    },

    /** What a step of a dry run would do; its begin looked at the same things as a real one's. */
    async foretell(input: {
      plan: ActionPlan;
      step: number;
      before: Snapshot;
    }): Promise<{ would: string }> {
      const { plan, before } = input;
      const policy =
        plan.policy === null
          ? null
          : await loadPolicyRevision(pool, plan.policy, plan.policyRevision);
      const step = plan.steps[input.step] ?? { action: '', params: {} };
      const would = foretell({
        step,
        resource: plan.resource,
        before,
        condition: policy?.condition.text ?? null,
        verify: plan.verify,
        approval: input.step === 0 ? (policy?.approval ?? null) : null,
      });
      const said = { action: step.action, would, aim: before.aim ?? step.params };
      const who = { step: input.step, door: 'worker' as const };
      await insertAudit(pool, [auditOf(plan, 'foretold', said, who)]);
      return { would };
    },
  };
}
