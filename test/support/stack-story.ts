import type { Stack } from './stack';
import { waitFor } from './wait';

/** The parts of the API's answers that tests of a whole stack look at. */
export interface ActionView {
  id: string;
  resource: string;
  policy: string | null;
  state: string;
  outcome: string | null;
  outcomeReason: string | null;
  requestId: string | null;
  requestedAt: string;
  recordedAt: string | null;
}

export interface AuditView {
  actionId: string | null;
  event: string;
  actor: string;
  step: number;
  at: string;
  requestId: string | null;
  seal: number | null;
  hash: string | null;
  details: Record<string, unknown>;
}

export interface PolicyView {
  policy: string;
  phase: string;
  held: { gate: string } | null;
  actionId: string | null;
}

export interface WhyView {
  text: string[];
  policies: PolicyView[];
}

/** Oldest first. */
export async function actionsOf(
  stack: Stack,
  resource: string,
  policy?: string,
): Promise<ActionView[]> {
  const { body } = await stack.api<{ items: ActionView[] }>(
    `/actions?resource=${resource}&limit=100`,
  );
  return body.items
    .filter((one) => policy === undefined || one.policy === `default/${policy}`)
    .reverse();
}

/** Waits until the policy's nth action of the resource is recorded; the first by default. */
export async function recordedAction(
  stack: Stack,
  resource: string,
  policy: string,
  { nth = 1, timeoutMs = 45_000 } = {},
): Promise<ActionView> {
  return waitFor(
    `action ${nth} of ${policy} on ${resource} to be recorded`,
    async () => {
      const action = (await actionsOf(stack, resource, policy))[nth - 1];
      return (action?.recordedAt ?? null) === null ? null : action;
    },
    timeoutMs,
  );
}

/** Waits until all audit rows of a recorded action are sealed. */
export async function sealedRows(stack: Stack, actionId: string): Promise<AuditView[]> {
  return waitFor('the audit rows to be sealed', async () => {
    const { body } = await stack.api<{ audit: AuditView[] }>(`/actions/${actionId}`);
    return body.audit.every(({ seal }) => seal !== null) ? body.audit : null;
  });
}

export async function why(stack: Stack, resource: string): Promise<WhyView> {
  return (await stack.api<WhyView>(`/why/${resource}`)).body;
}

/** Waits until the policy is in that phase on the resource. */
export async function inPhase(
  stack: Stack,
  resource: string,
  policy: string,
  phase: string,
): Promise<PolicyView> {
  return waitFor(
    `${policy} to be ${phase}`,
    async () => {
      const { policies } = await why(stack, resource);
      return policies.find((one) => one.policy === `default/${policy}` && one.phase === phase);
    },
    30_000,
  );
}
