import type { Command } from 'commander';
import { Evaluation } from '../answers';
import { usageError } from '../failure';
import { collect, talksToApi } from '../output';
import { renderEvaluation } from './render';

/** `policy evaluate`: a policy or a condition on given metrics, or on what is stored of a resource. */
export function registerEvaluate(policy: Command): void {
  talksToApi(
    policy
      .command('evaluate')
      .description('what a policy or a condition says of a resource, or of given metrics')
      .option('--policy <name>', 'a policy in force: namespace/name')
      .option('--condition <text>', "instead of a policy: 'cpu_usage > 80% for 5m'")
      .option('--resource <name>', 'whose stored samples: namespace/name')
      .option(
        '--metric <name=value>',
        "instead of stored samples: 'cpu_usage=0.93', 'up{host=a}=0'; may be repeated",
        collect,
        [],
      )
      .option('--at <time>', 'RFC 3339, e.g. 2026-05-01T12:00:00Z; default: now'),
    async ({ api, options, show }) => {
      const metrics = options.list('metric').map(parseMetric);
      const json = {
        policy: options.text('policy'),
        condition: options.text('condition'),
        resource: options.text('resource'),
        metrics: metrics.length === 0 ? undefined : metrics,
        at: options.text('at'),
      };
      const path = '/policies/evaluate';
      const answer = await api.send({ method: 'POST', path, json }, Evaluation);
      show(answer, () => renderEvaluation(answer));
    },
  );
}

interface Metric {
  name: string;
  value: number;
  tags?: Record<string, string>;
}

/** `name=value` or `name{tag=value,…}=value`. */
export function parseMetric(text: string): Metric {
  const [, name = '', tags, number = ''] = /^([^={}]+)(?:\{(.*)\})?=(\S+)$/.exec(text) ?? [];
  const value = Number(number);
  if (name === '' || !Number.isFinite(value)) {
    throw usageError(`--metric ${text}: write --metric name=value`);
  }
  return tags === undefined ? { name, value } : { name, value, tags: parseTags(tags, text) };
}

function parseTags(tags: string, text: string): Record<string, string> {
  const pairs = tags.split(',').map((pair) => /^\s*([^=\s]+)\s*=\s*"?([^"]*)"?\s*$/.exec(pair));
  return Object.fromEntries(
    pairs.map((match) => {
      if (match === null) throw usageError(`--metric ${text}: tags are written {name=value}`);
      const [, tag = '', value = ''] = match;
      return [tag, value];
    }),
  );
}
