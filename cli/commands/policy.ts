import type { Command } from 'commander';
import { listOf, PolicyAnswer } from '../answers';
import { CliFailure } from '../failure';
import { optionsOf, printer, talksToApi } from '../output';
import { registerChanges } from '../policy/changes';
import { registerEffectiveness } from '../policy/effectiveness';
import { registerEvaluate } from '../policy/evaluate';
import { explainCondition, pointAt, renderExplanation } from '../policy/explain';
import { renderPolicies } from '../policy/render';
import { registerTest } from '../policy/test';

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
  registerEffectiveness(policy);
  registerExplain(policy);
}

/** As long as samples are kept where nobody says otherwise. */
const RETENTION_MS = 30 * 86_400_000;

function registerExplain(policy: Command): void {
  const command = policy
    .command('explain')
    .description('how Vigil reads a condition; needs no server')
    .argument('<condition>', "e.g. 'cpu_usage > 80% for 5m'")
    .option('--promql', 'read it as "language: promql" does')
    .option('--json', 'print the syntax tree and what is said of it');
  command.action((text: string) => {
    const options = optionsOf(command);
    const language = options.flag('promql') ? 'promql' : 'vigil';
    const explained = explainCondition(text, { language, retentionMs: RETENTION_MS });
    if (!explained.ok) throw new CliFailure(explained.problems.map(pointAt(text)).join('\n'));
    const { explanation } = explained;
    const lines = options.flag('json')
      ? [JSON.stringify(explanation, null, 2)]
      : renderExplanation(explanation);
    printer(command)(...lines);
    if (explanation.findings.some(({ severity }) => severity === 'error')) throw new CliFailure('');
  });
  registerTest(policy);
}
