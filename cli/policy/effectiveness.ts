import type { Command } from 'commander';
import { Effectiveness, Promoted } from '../answers';
import { clock, fullKey, resourcePath, span, table, talksToApi } from '../output';

/** `policy effectiveness` and `policy promote`: whether its fixes hold, and what follows from that. */
export function registerEffectiveness(policy: Command): void {
  talksToApi(
    policy
      .command('effectiveness')
      .description('how often the actions of a policy fixed it, and for how long')
      .argument('<name>', 'name, or namespace/name')
      .option('--window <duration>', 'back from now', '30d'),
    async ({ api, args: [name = ''], options, show }) => {
      const path = `/policies/${resourcePath(name)}/effectiveness`;
      const answer = await api.get(path, Effectiveness, {
        window: options.text('window') ?? '30d',
      });
      show(answer, () => renderEffectiveness(answer));
    },
  );
  talksToApi(
    policy
      .command('promote')
      .description('let a policy that was demoted act by itself again')
      .argument('<name>', 'name, or namespace/name')
      .requiredOption('--reason <text>', 'why its fixes will hold from now on'),
    async ({ api, args: [name = ''], options, show }) => {
      const path = `/policies/${resourcePath(name)}/promote`;
      const json = { reason: options.text('reason') };
      const answer = await api.send({ method: 'POST', path, json }, Promoted);
      show(answer, () => [`policy ${fullKey(name)} acts by itself again`]);
    },
  );
}

export function renderEffectiveness(answer: Effectiveness): string[] {
  const { policy, from, actions, outcomes, success, inconclusive, falseFix } = answer;
  const { timeToFix, rungs, falseFixes, demotion } = answer;
  const ended = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  const rungRows = rungs.map(({ step, action, tried, fixed, undone }) => [
    String(step + 1),
    ...[action, String(tried), String(fixed), String(undone)],
  ]);
  const falseRows = falseFixes.map((one) => [
    ...[clock(one.recordedAt), clock(one.firedAgainAt), one.resource, one.action],
  ]);
  return [
    `${policy} since ${clock(from)}: ${actions} actions${ended.length === 0 ? '' : `, ${ended.join(', ')}`}`,
    `  success       ${share(success)} of the actions that had their turn`,
    `  inconclusive  ${share(inconclusive)} of them`,
    `  false fixes   ${share(falseFix)} of the fixes`,
    `  time to fix   ${times(timeToFix)}`,
    ...(demotion === null
      ? []
      : [`  demoted       since ${clock(demotion.since)}: ${demotion.reason}`]),
    ...(rungRows.length === 0
      ? []
      : ['', ...table(['RUNG', 'ACTION', 'TRIED', 'FIXED', 'UNDONE'], rungRows, '')]),
    ...(falseRows.length === 0
      ? []
      : ['', ...table(['FALSE FIX', 'FIRED AGAIN', 'RESOURCE', 'ACTION'], falseRows, '')]),
  ];
}

function share({ rate, count, of }: Effectiveness['success']): string {
  const percent = rate === null ? '-' : `${Math.round(rate * 1000) / 10} %`;
  return `${percent} (${count} of ${of})`;
}

function times({ medianMs, p90Ms, of }: Effectiveness['timeToFix']): string {
  if (medianMs === null || p90Ms === null) return 'nothing was fixed';
  return `median ${span(medianMs)}, p90 ${span(p90Ms)} (of ${of})`;
}
