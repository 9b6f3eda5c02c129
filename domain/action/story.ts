import type { Phase } from './action';
import type { PolicyState, ResourceState } from './resource-state';

/** Worst first: the phase a resource shows is the first of these that one of its policies is in. */
const WORST_FIRST: readonly Phase[] = ['acting', 'firing', 'pending', 'cooldown', 'inactive'];

export function worstPhase(state: ResourceState): Phase {
  const phases = Object.values(state.policies).map((p) => p.phase.kind);
  if (Object.keys(state.manual).length > 0) return 'acting';
  return WORST_FIRST.find((phase) => phases.includes(phase)) ?? 'inactive';
}

/** What one policy waits for, in words; `until` is epoch ms. */
export function waitOf(p: PolicyState): {
  waitsFor: string | null;
  until: number | null;
  actionId: string | null;
} {
  const { phase } = p;
  switch (phase.kind) {
    case 'inactive':
      return { waitsFor: null, until: null, actionId: null };
    case 'pending':
      return p.verdict === 'unknown'
        ? { waitsFor: 'data: the verdict is unknown', until: null, actionId: null }
        : { waitsFor: 'the condition to stay true', until: phase.dueAt, actionId: null };
    case 'firing':
      return waitWhileFiring(phase.wait);
    case 'acting':
      return {
        waitsFor: phase.awaitsApproval ? 'approval, then its action' : 'its action to be recorded',
        until: null,
        actionId: phase.actionId,
      };
    case 'cooldown':
      return { waitsFor: 'its cooldown to end', until: phase.until, actionId: null };
  }
}

function waitWhileFiring(
  wait: Extract<PolicyState['phase'], { kind: 'firing' }>['wait'],
): ReturnType<typeof waitOf> {
  switch (wait.kind) {
    case 'asking':
      return { waitsFor: 'the answer to its request', until: null, actionId: null };
    case 'held':
      return {
        waitsFor: `${wait.hold.gate}: ${wait.hold.detail}`,
        until: wait.askAt,
        actionId: null,
      };
    case 'queued':
      return {
        waitsFor: `a slot, ${wait.hold.gate}: ${wait.hold.detail}`,
        until: null,
        actionId: wait.actionId,
      };
  }
}

/** The run's current details for Temporal's Web UI, in Markdown. */
export function describeState(state: ResourceState): string {
  const lines = Object.entries(state.policies).map(([key, p]) => {
    const { waitsFor, until, actionId } = waitOf(p);
    const when = until === null ? '' : ` until ${new Date(until).toISOString()}`;
    const action = actionId === null ? '' : ` · action \`${actionId}\``;
    const wait = waitsFor === null ? '' : ` · waits for ${waitsFor}${when}`;
    const since = new Date(p.since).toISOString();
    return `- **${key}** is *${p.phase.kind}* · verdict ${p.verdict} since ${since}${wait}${action}`;
  });
  const manual = Object.keys(state.manual).map((id) => `- manual action \`${id}\``);
  const none = lines.length + manual.length === 0 ? ['Nothing is wrong.'] : [];
  return [`### ${state.resource}`, '', ...lines, ...manual, ...none].join('\n');
}
