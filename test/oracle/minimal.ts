import { printValue } from '../../domain/policy/print';
import { parseCondition, parseValue } from '../../language/expression/parser';
import {
  askRules,
  firstDisagreement,
  ruleExclusion,
  type RuleCase,
  type RuleDisagreement,
} from './alerts';
import { difference } from './answer';
import type { Dataset } from './dataset';
import { exclusionOf } from './exclude';
import { askValues, inParallel } from './promtool';
import { shrink, smaller, smallerData } from './shrink';
import { answerOf, vigilOf, type Disagreement, type ValueCase } from './values';
import type { ValueExpression } from '../../domain/policy/ast';

/** The smallest case that still shows it. */
export async function minimalValue(promtool: string, found: Disagreement): Promise<Disagreement> {
  const of = await shrink(found.of, smallerCases, async (cases) => {
    const differences = await disagreementsOf(promtool, cases);
    return differences.map((one) => one !== null);
  });
  return (await disagreementsOf(promtool, [of]))[0] ?? found;
}

function smallerCases(of: ValueCase): ValueCase[] {
  return [
    ...readable(smaller(of.expression)).map((next) => ({ ...of, ...next })),
    ...smallerData(of.dataset).map((dataset) => ({ ...of, dataset })),
  ];
}

/** Those that are well-typed. */
function readable(
  expressions: readonly ValueExpression[],
): { text: string; expression: ValueExpression }[] {
  return expressions.flatMap((tree) => {
    const text = printValue(tree);
    const parsed = parseValue(text);
    return parsed.ok ? [{ text, expression: parsed.expression }] : [];
  });
}

async function disagreementsOf(
  promtool: string,
  cases: readonly ValueCase[],
): Promise<(Disagreement | null)[]> {
  const groups = cases.map((of) => ({ dataset: of.dataset, questions: [of] }));
  const raws = await askValues(promtool, groups);
  return cases.map((of, i) => {
    const raw = raws[i]?.[0];
    if (raw === undefined || 'error' in raw || exclusionOf(of) !== null) return null;
    const [expected, actual] = [answerOf(raw), vigilOf(of)];
    const text = difference(expected, actual);
    return text === null ? null : { of, expected, actual, difference: text };
  });
}

/** Samples are left as they are: each try is a run of its own. */
export async function minimalRule(
  promtool: string,
  found: RuleDisagreement,
): Promise<RuleDisagreement> {
  const of = await shrink(found.of, smallerRules, async (cases) => {
    const all = await inParallel(cases, (one) => ruleDisagreement(promtool, one));
    return all.map((one) => one !== null);
  });
  return (await ruleDisagreement(promtool, of)) ?? found;
}

function smallerRules(of: RuleCase): RuleCase[] {
  const { rule, dataset } = of;
  const plainer = [
    ...(rule.keepFiringMs > 0 ? [{ ...rule, keepFiringMs: 0 }] : []),
    ...(rule.forMs > 0 ? [{ ...rule, forMs: 0 }] : []),
    ...readable(smaller(rule.expression))
      .filter(({ text }) => parseCondition(text, { language: 'promql' }).ok)
      .map((next) => ({ ...rule, ...next })),
  ];
  const series = dataset.series.map((one) => dataset.series.filter((other) => other !== one));
  const data = series
    .filter(({ length }) => length > 0)
    .map((next): Dataset => ({
      ...dataset,
      series: next,
    }));
  return [
    ...plainer.map((next) => ({ ...of, rule: next })),
    ...data.map((next) => ({ ...of, dataset: next })),
  ];
}

async function ruleDisagreement(promtool: string, of: RuleCase): Promise<RuleDisagreement | null> {
  if (ruleExclusion(of) !== null) return null;
  const [firing] = await askRules(promtool, { ...of, rules: [of.rule] });
  return firing === null || firing === undefined ? null : firstDisagreement(of, firing);
}
