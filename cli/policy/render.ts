import { stringify } from 'yaml';
import type { Evaluation, PolicyAnswer, PolicyDetail } from '../answers';
import { clock, span, table, words } from '../output';

export function renderPolicies(policies: readonly PolicyAnswer[]): string[] {
  const rows = policies.map((one) => [
    one.policy,
    String(one.revision),
    originOf(one),
    one.enabled === false ? 'disabled' : (one.severity ?? '-'),
    one.condition ?? '',
  ]);
  const nothing = 'no policies yet: ./vigil init policy NAME writes the first';
  return table(['POLICY', 'REVISION', 'FROM', 'SEVERITY', 'CONDITION'], rows, nothing);
}

function originOf({ impliedBy, file, source }: PolicyAnswer): string {
  return impliedBy === null ? (file ?? source ?? '-') : `implied by ${impliedBy}`;
}

export function renderPolicy(policy: PolicyDetail): string[] {
  const { line, revisions, manifest } = policy;
  const place = typeof line === 'number' && policy.impliedBy === null ? `:${line}` : '';
  const rows = revisions.map(({ revision, at, author, source, deleted }) => [
    String(revision),
    clock(at),
    author,
    deleted ? `${source} (deleted)` : source,
  ]);
  return [
    `${policy.policy} is ${policy.enabled === false ? 'disabled' : 'in use'}: ${policy.condition ?? ''}`,
    `from ${originOf(policy)}${place}`,
    '',
    ...table(['REVISION', 'AT (UTC)', 'BY', 'SOURCE'], rows, 'no revision is known'),
    '',
    ...stringify(manifest).trimEnd().split('\n'),
  ];
}

export function renderEvaluation(evaluation: Evaluation): string[] {
  const { verdict, explanation, targeted, policy, resource, step } = evaluation;
  return [
    `${verdict}${firing(evaluation)}`,
    `  ${explanation}`,
    ...(step === null ? [] : [`  when it fires: ${step.action} ${words(step.params)}`.trimEnd()]),
    ...(targeted === false
      ? [`  ${policy ?? 'the policy'} does not look at ${resource ?? ''}`]
      : []),
  ];
}

function firing({ fires, firesInMs, mode }: Evaluation): string {
  const dryRun = mode === 'dry-run' ? ' (dry run)' : '';
  if (fires) return `: it fires${dryRun}`;
  if (firesInMs === null) return '';
  return firesInMs === 0 ? ': it would fire, but is disabled' : `: it fires in ${span(firesInMs)}`;
}
