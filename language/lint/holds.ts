import type { Compare, Comparison, Expression, ValueExpression } from '../../domain/policy/ast';
import { isRatioAgainst, percentScaleOf } from '../../domain/policy/judge-compare';
import { printValue } from '../../domain/policy/print';
import { contains } from '../../domain/policy/selectors';
import { boundsOf, type Bounds } from './bounds';

/** What can be said of an expression without a sample: it never holds, or always does. */
export interface Foregone {
  kind: 'never' | 'always';
  at: number;
  why: string;
}

/** Null: it depends on the samples. */
export function foregone(expression: Expression): Foregone | null {
  switch (expression.kind) {
    case 'compare':
      return foregoneCompare(expression);
    case 'and':
      return foregoneJoin(expression, 'never');
    case 'or':
      return foregoneJoin(expression, 'always') ?? coversAll(expression);
    case 'not':
      return turned(foregone(expression.operand));
    case 'for':
    case 'forAttempts':
      return foregone(expression.operand);
    case 'truthy':
    case 'present':
      return foregoneFilter(expression.operand);
    case 'trend':
    case 'missing':
      return null;
  }
}

function turned(operand: Foregone | null): Foregone | null {
  return operand && { ...operand, kind: operand.kind === 'never' ? 'always' : 'never' };
}

/** One side that decides, or two that both do not depend on samples. */
function foregoneJoin(
  { left, right }: Extract<Expression, { kind: 'and' | 'or' }>,
  decisive: Foregone['kind'],
): Foregone | null {
  const sides = [foregone(left), foregone(right)];
  const decided = sides.find((side) => side?.kind === decisive);
  if (decided !== undefined) return decided;
  return sides.includes(null) ? null : (sides[0] ?? null);
}

/** A filter of PromQL that lets nothing through. One that lets everything through still waits for something. */
function foregoneFilter(value: ValueExpression): Foregone | null {
  if (value.kind !== 'compare' || value.isBool === true) return null;
  const found = foregoneCompare(value);
  return found?.kind === 'never' ? found : null;
}

/** Above this, what is compared with a percentage is a unit mismatch, and never true or false. */
const LARGEST_RATIO = 1.5;

function foregoneCompare(leaf: Compare): Foregone | null {
  const scale = percentScaleOf(leaf);
  let [left, right] = [boundsOf(leaf.left, scale), boundsOf(leaf.right, scale)];
  if (isRatioLimit(leaf, 'right')) left = { ...left, max: Math.min(left.max, LARGEST_RATIO) };
  if (isRatioLimit(leaf, 'left')) right = { ...right, max: Math.min(right.max, LARGEST_RATIO) };
  const kind = OUTCOMES[leaf.op](left, right);
  if (kind === null) return null;
  // "Always" is true of what has a value, and says nothing of when it has none.
  if (kind === 'always' && (comesAndGoes(leaf.left) || comesAndGoes(leaf.right))) return null;
  const measured = leaf.left.kind === 'number' ? leaf.right : leaf.left;
  const range = leaf.left.kind === 'number' ? right : left;
  return { kind, at: leaf.at, why: `${printValue(measured)} ${rangeText(range)}` };
}

function isRatioLimit(leaf: Compare, side: 'left' | 'right'): boolean {
  const [limit, measured] = side === 'left' ? [leaf.left, leaf.right] : [leaf.right, leaf.left];
  return isRatioAgainst(measured, limit, leaf);
}

/** What is empty where there is nothing to count: it has a value only while it holds. */
function comesAndGoes(value: ValueExpression): boolean {
  return contains(value, (node) => {
    if (node.kind === 'aggregate') return node.op === 'count' || node.op === 'group';
    if (node.kind === 'compare' || node.kind === 'set') return true;
    return node.kind === 'call' && /^(absent|present)/.test(node.function);
  });
}

type Outcome = Foregone['kind'] | null;

/** What a comparison of two values says when only their bounds are known. */
const OUTCOMES: Readonly<Record<Comparison, (a: Bounds, b: Bounds) => Outcome>> = {
  '>': (a, b) => (a.max <= b.min ? 'never' : a.min > b.max ? 'always' : null),
  '>=': (a, b) => (a.max < b.min ? 'never' : a.min >= b.max ? 'always' : null),
  '<': (a, b) => OUTCOMES['>'](b, a),
  '<=': (a, b) => OUTCOMES['>='](b, a),
  '==': (a, b) => {
    if (a.max < b.min || b.max < a.min) return 'never';
    return isPoint(a) && isPoint(b) ? 'always' : null;
  },
  '!=': (a, b) => {
    const same = OUTCOMES['=='](a, b);
    return same === null ? null : same === 'never' ? 'always' : 'never';
  },
};

function isPoint({ min, max }: Bounds): boolean {
  return min === max;
}

function rangeText({ min, max }: Bounds): string {
  if (min === max) return `is always ${min}`;
  if (min === -Infinity) return `is never above ${max}`;
  return max === Infinity ? `is never below ${min}` : `is always between ${min} and ${max}`;
}

/** The values of one measurement that satisfy a comparison with a number; ends may be open. */
export interface Region extends Bounds {
  /** As it is written, to find the same measurement elsewhere. */
  measured: string;
  at: number;
  /** The end itself is no part of it: `> 80`. */
  isOpen: boolean;
}

const TURNED = { '>': '<', '>=': '<=', '<': '>', '<=': '>=', '==': '==', '!=': '!=' } as const;

/** Null: it is no comparison of a measurement with a number. */
export function regionOf(expression: Expression): Region | null {
  if (expression.kind !== 'compare') return null;
  const { left, right, at } = expression;
  const [measured, limit] = left.kind === 'number' ? [right, left] : [left, right];
  if (limit.kind !== 'number' || measured.kind === 'number') return null;
  const op = left.kind === 'number' ? TURNED[expression.op] : expression.op;
  const { min: value } = boundsOf(limit, percentScaleOf(expression));
  const name = printValue(measured);
  if (op === '==') return { measured: name, at, min: value, max: value, isOpen: false };
  const isOpen = !op.endsWith('=');
  if (op === '!=') return null;
  return op.startsWith('>')
    ? { measured: name, at, min: value, max: Infinity, isOpen }
    : { measured: name, at, min: -Infinity, max: value, isOpen };
}

/** `x > 3 OR x < 5`. */
function coversAll(expression: Extract<Expression, { kind: 'or' }>): Foregone | null {
  const [a, b] = [regionOf(expression.left), regionOf(expression.right)];
  if (a === null || b?.measured !== a.measured) return null;
  const [low, high] = a.min === -Infinity ? [a, b] : [b, a];
  const isWhole = low.min === -Infinity && high.max === Infinity && low.max > high.min;
  return isWhole
    ? { kind: 'always', at: expression.at, why: `every value of ${a.measured} is one or the other` }
    : null;
}
