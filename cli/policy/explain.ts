import type { Condition, ConditionLanguage, Selector } from '../../domain/policy/ast';
import { formatDuration } from '../../domain/policy/duration';
import { lookbackMs } from '../../domain/policy/lookback';
import { printExpression, printSelector } from '../../domain/policy/print';
import { readsAbsence, selectorsOfData } from '../../domain/policy/reading';
import { contains, selectorsOf } from '../../domain/policy/selectors';
import { namesResource } from '../../domain/policy/series';
import { parseCondition } from '../../language/expression/parser';
import { lintPolicy, type Finding } from '../../language/lint/policy';
import { outlineOf, whoseText, type Outline } from './outline';

/** How Vigil reads a condition; durations in ms. */
export interface Explanation extends Condition {
  language: ConditionLanguage;
  /** The shortest text with the same meaning. */
  canonical: string;
  type: string;
  fires: string;
  noData: string;
  lookbackMs: number;
  reads: { selector: string; whose: 'target' | 'named' }[];
  outline: Outline;
  /** What the checker has against it in any policy. */
  findings: Pick<Finding, 'severity' | 'at' | 'message'>[];
}

/** One place in a condition's text. */
export interface Pointed {
  at: number;
  message: string;
}

export type Explained =
  { ok: true; explanation: Explanation } | { ok: false; problems: readonly Pointed[] };

/** Reads a condition as a policy would; `retentionMs` is how long samples are kept. */
export function explainCondition(
  text: string,
  { language, retentionMs }: { language: ConditionLanguage; retentionMs: number },
): Explained {
  const parsed = parseCondition(text, { language });
  if (!parsed.ok) return parsed;
  const { condition } = parsed;
  const selectors = selectorsOf(condition.expression);
  const verify = { settleMs: 0, stableMs: null, withinMs: 0 };
  const findings = lintPolicy({ condition, verify, steps: [] }, { retentionMs });
  const explanation: Explanation = {
    ...condition,
    language,
    canonical: canonicalOf(condition),
    type: typeText(language, selectors),
    fires: firesText(condition),
    noData: noDataText(condition, language, selectors),
    lookbackMs: lookbackMs(condition),
    reads: selectors.map((selector) => ({
      selector: printSelector(selector),
      whose: namesResource(selector) ? 'named' : 'target',
    })),
    outline: outlineOf(condition.expression),
    findings: findings.map(({ severity, at, message }) => ({ severity, at, message })),
  };
  return { ok: true, explanation };
}

function canonicalOf({ expression, forMs }: Condition): string {
  if (forMs === 0) return printExpression(expression);
  return printExpression({ kind: 'for', at: 0, operand: expression, durationMs: forMs });
}

function typeText(language: ConditionLanguage, selectors: readonly Selector[]): string {
  if (language === 'promql') return 'PromQL: true or false per label set, never unknown';
  return selectors.length === 0
    ? 'condition: true or false; it reads no series'
    : 'condition: true, false or unknown per label set';
}

function firesText({ expression, forMs }: Condition): string {
  if (forMs > 0) return `once it has been true for ${formatDuration(forMs)} without a break`;
  return contains(expression, ({ kind }) => kind === 'for' || kind === 'forAttempts')
    ? 'as soon as it is true; the durations and attempts in it are parts of it'
    : 'as soon as it is true';
}

const ABSENCE =
  'what is missing and absent ask for; unknown of a series that was never seen, and while nothing was received at all';

function noDataText(
  condition: Condition,
  language: ConditionLanguage,
  selectors: readonly Selector[],
): string {
  if (selectors.length === 0) return 'it needs none';
  const usual =
    language === 'promql'
      ? 'false: nothing is in the result'
      : 'unknown, which never starts an action, unless the policy says "missing: healthy" or "missing: firing"';
  if (!readsAbsence(condition)) return usual;
  const isMixed = selectorsOfData(condition.expression).length > 0;
  return isMixed ? `${ABSENCE}; elsewhere ${usual}` : ABSENCE;
}

/** The explanation as lines for people. */
export function renderExplanation(explanation: Explanation): string[] {
  const { canonical, type, fires, noData, outline, findings, hash, text } = explanation;
  const isCounting = contains(explanation.expression, ({ kind }) => kind === 'forAttempts');
  const lookback = `${formatDuration(explanation.lookbackMs)}${isCounting ? ', with a sample a minute' : ''}`;
  return [
    `condition   ${canonical}`,
    `type        ${type}`,
    `reads as    ${outline.words}`,
    ...outline.parts.flatMap((part) => outlineLines(part, 1)),
    `fires       ${fires}`,
    `no data     ${noData}`,
    `reads       ${readsText(explanation)}`,
    `looks back  ${lookback}`,
    `hash        ${hash.slice(0, 12)} (another one resets the phase)`,
    ...findings.map(({ severity, at, message }) =>
      pointAt(text)({ at, message: `${severity}: ${message}` }),
    ),
  ];
}

const MARGIN = ' '.repeat('reads as    '.length);

function outlineLines({ words, parts }: Outline, depth: number): string[] {
  return [
    `${MARGIN}${'  '.repeat(depth)}${words}`,
    ...parts.flatMap((part) => outlineLines(part, depth + 1)),
  ];
}

function readsText({ expression }: Explanation): string {
  const selectors = selectorsOf(expression);
  const metrics = (some: readonly Selector[]) =>
    [...new Set(some.map(({ metric }) => metric))].sort().join(', ');
  const groups = [false, true].flatMap((isNamed) => {
    const some = selectors.filter((one) => namesResource(one) === isNamed);
    return some[0] === undefined ? [] : [`${metrics(some)} of ${whoseText(some[0])}`];
  });
  return groups.join('; ') || 'no series';
}

/** The line of the text, a caret below the place, and what is wrong there. */
export function pointAt(text: string): (problem: Pointed) => string {
  return ({ at, message }) => {
    const start = text.lastIndexOf('\n', at - 1) + 1;
    const [line = ''] = text.slice(start).split('\n');
    const before = Array.from(text.slice(start, at), (one) => (one === '\t' ? '\t' : ' '));
    return `${line}\n${before.join('')}^ ${message}`;
  };
}
