import { createHmac } from 'node:crypto';
import type { Policy } from '../../domain/policy/policy';
import { applyRevision } from '../../storage/manifests';
import {
  actionWorkflowId,
  decisionText,
  UPDATES,
  type Decision,
  type DecisionAnswer,
  type SignedDecision,
} from '../../workflows/contract';
import { APPROVAL_KEY, type ControlPlane } from './control-plane';
import { watched } from './policies';
import { waitFor } from './wait';

export type Approval = NonNullable<Policy['approval']>;

export const ASKS: Approval = { required: 1, deadlineMs: 60_000, onDeadline: 'expire' };

/** A resource whose policy asks, firing; returns the action that waits. */
export async function askedAction(
  plane: ControlPlane,
  name: string,
  { approval = ASKS, author = 'vigil' }: { approval?: Approval; author?: string } = {},
): Promise<string> {
  await applyRevision(plane.database.pool, {
    source: 'test',
    author,
    correlationId: null,
    mode: 'upsert',
    objects: watched(name, 'up == 0', { approval }),
    deletions: [],
  });
  await plane.send(name, 'up', 0);
  return waitFor('the approval to be asked', async () => {
    const id = await askedOn(plane, `default/${name}`);
    return id !== null && (await hasBegun(plane, id)) && id;
  });
}

/** The action on the resource that asks or, where that may be over by now, asked. */
export async function askedOn(plane: ControlPlane, resource: string): Promise<string | null> {
  const [row] = await plane.rows<{ action_id: string }>(
    `select action_id from audit_events where resource = $1 and event = 'approval_asked' order by id`,
    resource,
  );
  return row?.action_id ?? null;
}

/** Whether Temporal runs it, or has. */
export async function hasBegun(plane: ControlPlane, id: string): Promise<boolean> {
  const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
  return handle.describe().then(
    () => true,
    () => false,
  );
}

/** A decision with its signature, as the API makes it. */
export function signed(
  id: string,
  decision: Decision,
  given: Pick<SignedDecision, 'approver' | 'link' | 'sentBy' | 'sending'> & { key?: string },
): SignedDecision {
  const { key = APPROVAL_KEY, ...said } = given;
  const whole = { ...said, decision, expiresAt: Date.now() + 60_000 };
  const signature = createHmac('sha256', key).update(decisionText(id, whole)).digest('hex');
  return { ...whole, comment: null, signature, correlationId: null };
}

/** Hands it to the action; throws WorkflowUpdateFailedError when its validator refuses. */
export async function decide(
  plane: ControlPlane,
  id: string,
  decision: SignedDecision,
): Promise<DecisionAnswer> {
  const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
  return handle.executeUpdate<DecisionAnswer, [SignedDecision]>(UPDATES.decide, {
    args: [decision],
  });
}
