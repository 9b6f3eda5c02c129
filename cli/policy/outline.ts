import type {
  Aggregate,
  Comparison,
  Expression,
  Matcher,
  NumberLiteral,
  Selector,
  ValueExpression,
} from '../../domain/policy/ast';
import { formatDuration } from '../../domain/policy/duration';
import { percentScaleOf } from '../../domain/policy/judge-compare';
import { printSelector, printValue } from '../../domain/policy/print';
import { DEFAULT_STALENESS_MS, namesResource } from '../../domain/policy/series';
import { AGGREGATE_WORDS, FUNCTION_WORDS } from './function-words';

/** An expression in words: what one of its parts means, and what it is made of. */
export interface Outline {
  words: string;
  parts: Outline[];
}

const COMPARISON_WORDS: Readonly<Record<Comparison, string>> = {
  '>': 'is greater than',
  '>=': 'is at least',
  '<': 'is less than',
  '<=': 'is at most',
  '==': 'equals',
  '!=': 'does not equal',
};

const SET_WORDS = {
  and: 'the label sets of the first that are in the second, too',
  or: 'the label sets of the first, and those that only the second has',
  unless: 'the label sets of the first that are not in the second',
} as const;

/** What is true, false or unknown, in words. */
export function outlineOf(node: Expression): Outline {
  switch (node.kind) {
    case 'and':
      return { words: 'all of these are true', parts: joined(node, 'and').map(outlineOf) };
    case 'or':
      return { words: 'one of these is true', parts: joined(node, 'or').map(outlineOf) };
    case 'not':
      return { words: 'this is false', parts: [outlineOf(node.operand)] };
    case 'for': {
      const words = `this has been true for ${formatDuration(node.durationMs)}, per label set`;
      return { words, parts: [outlineOf(node.operand)] };
    }
    case 'forAttempts': {
      const words = `this is true of each of the newest ${node.attempts} samples, per label set`;
      return { words, parts: [outlineOf(node.operand)] };
    }
    case 'trend': {
      const verb = node.direction === 'increasing' ? 'rises' : 'falls';
      const words = `${node.operand.metric} ${verb} over the last ${formatDuration(node.durationMs)}, as the means of ten equal buckets say; unknown with fewer than ten samples, or when they cover less than 80 % of it`;
      return { words, parts: [selectorOutline(node.operand, 'every sample of that time')] };
    }
    case 'missing': {
      const words = `a series of ${node.operand.metric} that was seen has had no sample for ${formatDuration(node.durationMs)}`;
      return { words, parts: [selectorOutline(node.operand, 'every series that was seen')] };
    }
    case 'truthy':
      return {
        words: `${printValue(node.operand)} is anything but 0`,
        parts: partsOf([node.operand], 1),
      };
    case 'present':
      return {
        words: 'a label set is in the result of this PromQL',
        parts: [valueOutline(node.operand, 1)],
      };
    case 'compare': {
      const scale = percentScaleOf(node);
      const [left, right] = [sideText(node.left, scale), sideText(node.right, scale)];
      return {
        words: `${left} ${COMPARISON_WORDS[node.op]} ${right}`,
        parts: partsOf([node.left, node.right], scale),
      };
    }
  }
}

/** `a AND b AND c` as one list. */
function joined(node: Expression, kind: 'and' | 'or'): Expression[] {
  return node.kind === kind ? [...joined(node.left, kind), ...joined(node.right, kind)] : [node];
}

/** Numbers are told where they are compared. */
function partsOf(values: readonly ValueExpression[], percentScale: number): Outline[] {
  return values
    .filter(({ kind }) => kind !== 'number')
    .map((value) => valueOutline(value, percentScale));
}

function sideText(value: ValueExpression, percentScale: number): string {
  return value.kind === 'number' ? numberText(value, percentScale) : printValue(value);
}

function numberText(number: NumberLiteral, percentScale: number): string {
  if (!number.isPercent) return printValue(number);
  const why = percentScale === 1 ? 'its metrics end in _percent' : 'a ratio from 0 to 1';
  return `${printValue(number)}, which means ${Number((number.value * percentScale).toPrecision(12))}: ${why}`;
}

function valueOutline(value: ValueExpression, percentScale: number): Outline {
  const below = (...values: ValueExpression[]) =>
    values.map((one) => valueOutline(one, percentScale));
  switch (value.kind) {
    case 'number':
      return { words: numberText(value, percentScale), parts: [] };
    case 'selector':
      return selectorOutline(value, rangeText(value));
    case 'call': {
      const words = `${value.function}: ${FUNCTION_WORDS[value.function] ?? 'a function'}`;
      return { words, parts: below(...value.args) };
    }
    case 'aggregate': {
      const { parameter, operand } = value;
      const parts = below(...(parameter === undefined ? [] : [parameter]), operand);
      return { words: aggregateText(value), parts };
    }
    case 'negate':
      return { words: 'the negative of', parts: below(value.operand) };
    case 'arithmetic': {
      const words = `${printValue(value)}: calculated label set by label set`;
      return { words, parts: partsOf([value.left, value.right], percentScale) };
    }
    case 'compare': {
      const right = sideText(value.right, percentScale);
      const test = `${printValue(value.left)} ${COMPARISON_WORDS[value.op]} ${right}`;
      const words =
        value.isBool === true ? `1 where ${test}, 0 where not` : `only the values where ${test}`;
      return { words, parts: partsOf([value.left, value.right], percentScale) };
    }
    case 'set':
      return { words: SET_WORDS[value.op], parts: below(value.left, value.right) };
  }
}

function aggregateText({ op, grouping }: Aggregate): string {
  const words = `${op}: ${AGGREGATE_WORDS[op]}`;
  if (grouping === undefined) return `${words}, of all label sets together`;
  const labels = grouping.labels.join(', ');
  if (grouping.mode === 'without') return `${words}, per label set without ${labels}`;
  return labels === '' ? `${words}, of all label sets together` : `${words}, per ${labels}`;
}

function rangeText({ rangeMs, offsetMs }: Selector): string {
  const ago = offsetMs === undefined ? '' : ` as of ${formatDuration(offsetMs)} ago`;
  if (rangeMs !== undefined) return `every sample of the last ${formatDuration(rangeMs)}${ago}`;
  return `the newest sample${ago}, at most ${formatDuration(DEFAULT_STALENESS_MS)} old`;
}

function selectorOutline(selector: Selector, samples: string): Outline {
  const words = `${printSelector(selector)}: ${samples}, of ${whoseText(selector)}`;
  return { words, parts: selector.matchers.map((one) => ({ words: matcherText(one), parts: [] })) };
}

/** Whose series a selector means. */
export function whoseText(selector: Selector): string {
  return namesResource(selector)
    ? "whichever resources of the target's namespace its labels name"
    : "the policy's target alone";
}

function matcherText({ label, op, value }: Matcher): string {
  const text = JSON.stringify(value);
  switch (op) {
    case '=':
      return value === '' ? `label ${label} is absent or empty` : `label ${label} is ${text}`;
    case '!=':
      return value === '' ? `label ${label} is there` : `label ${label} is not ${text}`;
    case '=~':
      return `the whole of label ${label} matches the regular expression ${text}`;
    case '!~':
      return `the whole of label ${label} does not match the regular expression ${text}`;
  }
}
