import { inTurn, plan } from '../../../domain/action/plan';
import { reduce } from '../../../domain/action/reduce';
import { emptyState, type ResourceState } from '../../../domain/action/resource-state';
import type { Severity } from '../../../domain/policy/policy';

const NOW = 1_000_000;

/** A resource on which these policies became true at once. */
function firing(...policies: [string, Severity][]): ResourceState {
  const verdicts = policies.map(([policy, severity]) => ({
    ...{ policy, severity, policyRevision: 1, verdict: 'true' as const },
    ...{ since: NOW, forMs: 0, conditionHash: 'hash' },
  }));
  return reduce(emptyState('default/web'), { kind: 'verdictsChanged', version: 1, verdicts }, NOW);
}

function asks(state: ResourceState): string[] {
  return inTurn(plan(state, NOW)).flatMap((one) => (one.kind === 'request' ? [one.policy] : []));
}

test('of policies that want one target at once only the most severe asks', () => {
  expect(asks(firing(['a', 'info'], ['m', 'warning'], ['z', 'critical']))).toEqual(['z']);
});

test('of equally severe ones the first by name asks', () => {
  expect(asks(firing(['b', 'warning'], ['a', 'warning']))).toEqual(['a']);
});

test('the next one asks once the one before it is answered', () => {
  const asked = reduce(
    firing(['a', 'info'], ['z', 'critical']),
    { kind: 'asked', policy: 'z' },
    NOW,
  );
  expect(asks(asked)).toEqual([]);
  const hold = { gate: 'paused', detail: 'work', until: null } as const;
  const answer = { kind: 'held', hold } as const;
  expect(asks(reduce(asked, { kind: 'answered', policy: 'z', answer }, NOW))).toEqual(['a']);
});

test('who asks already does not make a worse one wait', () => {
  const asked = reduce(
    firing(['a', 'info'], ['z', 'critical']),
    { kind: 'asked', policy: 'a' },
    NOW,
  );
  expect(asks(asked)).toEqual(['z']);
});
