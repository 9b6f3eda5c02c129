import fc from 'fast-check';
import type { ValueExpression } from '../../domain/policy/ast';
import { printValue } from '../../domain/policy/print';
import { parseValue } from '../../language/expression/parser';
import type { RuleGroup } from './alerts';
import { datasets, TIMES } from './generate-data';
import { RULES, VALUES } from './generate';
import type { Group } from './promtool';
import { RULE_TABLES } from './rule-table';
import { TABLES } from './table';
import type { ValueQuestion } from './values';

const EXPRESSIONS_PER_DATASET = 50;
const TIMES_PER_EXPRESSION = 3;
const RULES_PER_DATASET = 20;

/** The value a text stands for, as Vigil reads it. */
export function valueOf(text: string): ValueExpression {
  const parsed = parseValue(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message ?? 'not understood'}`);
  return parsed.expression;
}

/** What is written by hand. */
export function tableGroups(): Group<ValueQuestion>[] {
  return TABLES.map(({ dataset, texts, timesMs }) => ({
    dataset,
    questions: texts.flatMap((text) => {
      const expression = valueOf(text);
      return timesMs.map((atMs) => ({ text, expression, atMs }));
    }),
  }));
}

/** So many expressions that are generated, each at three times; the same for the same seed. */
export function generatedGroups(runs: number, seed: number): Group<ValueQuestion>[] {
  const count = Math.ceil(runs / EXPRESSIONS_PER_DATASET);
  const start = fc.constantFrom(0, 0, 1_760_000_000_000);
  const data = fc.sample(datasets(start), { seed, numRuns: count });
  const trees = fc.sample(VALUES, { seed, numRuns: runs });
  const times = fc.sample(TIMES, { seed, numRuns: runs * TIMES_PER_EXPRESSION });
  return data.map((dataset, d) => ({
    dataset,
    questions: trees
      .slice(d * EXPRESSIONS_PER_DATASET, (d + 1) * EXPRESSIONS_PER_DATASET)
      .flatMap((tree) => {
        // Both sides read the text, so that printer and parser are under test, too.
        const text = printValue(tree);
        const expression = valueOf(text);
        return Array.from({ length: TIMES_PER_EXPRESSION }, () => {
          const atMs = times.pop()?.(dataset) ?? 0;
          return { text, expression, atMs };
        });
      }),
  }));
}

export function tableRules(): RuleGroup[] {
  return RULE_TABLES.map(({ dataset, tickMs, rules }) => ({
    dataset,
    tickMs,
    rules: rules.map(([text, forMs, keepFiringMs]) => ({
      text,
      forMs,
      keepFiringMs,
      expression: valueOf(text),
    })),
  }));
}

/** So many rules that are generated. */
export function ruleGroups(runs: number, seed: number): RuleGroup[] {
  const count = Math.ceil(runs / RULES_PER_DATASET);
  const data = fc.sample(datasets(fc.constant(0)), { seed, numRuns: count });
  const rules = fc.sample(RULES, { seed, numRuns: runs });
  const ticks = fc.constantFrom(15_000, 15_000, 20_000, 30_000, 60_000);
  const ticksMs = fc.sample(ticks, { seed, numRuns: count });
  return data.map((dataset, d) => ({
    dataset,
    tickMs: ticksMs[d] ?? 15_000,
    rules: rules.slice(d * RULES_PER_DATASET, (d + 1) * RULES_PER_DATASET).map((rule) => {
      const text = printValue(rule.expression);
      return { ...rule, text, expression: valueOf(text) };
    }),
  }));
}
