import type { Command } from 'commander';
import type { Condition } from '../../domain/policy/ast';
import { formatDuration } from '../../domain/policy/duration';
import { selectorsOf } from '../../domain/policy/evaluate';
import { printExpression } from '../../language/expression/print';
import { parseCondition } from '../../language/expression/parser';
import { listOf, PolicyAnswer } from '../answers';
import { CliFailure } from '../failure';
import { optionsOf, printer, talksToApi } from '../output';
import { registerChanges } from '../policy/changes';
import { registerEvaluate } from '../policy/evaluate';
import { renderPolicies } from '../policy/render';

export function register(program: Command): void {
  const policy = program
    .command('policy')
    .description('policies, and the language of their conditions');
  talksToApi(
    policy.command('list', { isDefault: true }).description('every policy, implied ones too'),
    async ({ api, show }) => {
      const answer = await api.get('/policies', listOf(PolicyAnswer), { limit: 1000 });
      show(answer, () => renderPolicies(answer.items));
    },
  );
  registerChanges(policy);
  registerEvaluate(policy);
  const explain = policy
    .command('explain')
    .description('how Vigil reads a condition; needs no server')
    .argument('<condition>', "e.g. 'cpu_usage > 80% for 5m'")
    .option('--json', 'print the syntax tree');
  explain.action((text: string) => {
    const parsed = parseCondition(text);
    if (!parsed.ok) throw new CliFailure(parsed.problems.map(pointAt(text)).join('\n'));
    const lines = optionsOf(explain).flag('json')
      ? [JSON.stringify(parsed.condition, null, 2)]
      : renderCondition(parsed.condition);
    printer(explain)(...lines);
  });
}

/** The text, a caret below the place, and what is wrong there. */
export function pointAt(text: string): (problem: { at: number; message: string }) => string {
  return ({ at, message }) => `${text}\n${' '.repeat(at)}^ ${message}`;
}

export function renderCondition(condition: Condition): string[] {
  const selectors = selectorsOf(condition.expression);
  const metrics = [...new Set(selectors.map(({ metric }) => metric))].sort();
  const fires =
    condition.forMs === 0 ? 'at once' : `when it was true for ${formatDuration(condition.forMs)}`;
  return [
    `condition  ${printExpression(condition.expression)}`,
    `fires      ${fires}`,
    `reads      ${metrics.join(', ')}`,
    `hash       ${condition.hash.slice(0, 12)} (another one resets the phase)`,
  ];
}
