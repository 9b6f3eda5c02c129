import type { Selector, ValueExpression } from '../../domain/policy/ast';
import { childrenOf } from '../../domain/policy/selectors';
import { tokensOf, type Dataset } from './dataset';

/** The same expression with one thing less, smallest first. */
export function smaller(node: ValueExpression): ValueExpression[] {
  const children = childrenOf(node) as readonly ValueExpression[];
  return [
    ...children.filter((child) => !isRange(child)),
    ...plainer(node),
    ...children.flatMap((child, i) => smaller(child).map((next) => withChild(node, i, next))),
  ];
}

function isRange(node: ValueExpression): boolean {
  return node.kind === 'selector' && node.rangeMs !== undefined;
}

function plainer(node: ValueExpression): ValueExpression[] {
  if (node.kind === 'number') return node.value === 1 ? [] : [{ ...node, value: 1 }];
  if (node.kind === 'aggregate' && node.grouping !== undefined) {
    const whole = { ...node };
    delete whole.grouping;
    return [whole];
  }
  return node.kind === 'selector' ? plainerSelectors(node) : [];
}

function plainerSelectors(node: Selector): Selector[] {
  const { offsetMs, ...now } = node;
  return [
    ...(offsetMs === undefined ? [] : [now]),
    ...node.matchers.map((_matcher, i) => ({
      ...node,
      matchers: node.matchers.filter((_other, j) => i !== j),
    })),
  ];
}

function withChild(node: ValueExpression, index: number, child: ValueExpression): ValueExpression {
  switch (node.kind) {
    case 'call':
      return { ...node, args: node.args.map((arg, i) => (i === index ? child : arg)) };
    case 'aggregate':
      return node.parameter !== undefined && index === 0
        ? { ...node, parameter: child }
        : { ...node, operand: child };
    case 'negate':
      return { ...node, operand: child };
    case 'arithmetic':
    case 'compare':
    case 'set':
      return index === 0 ? { ...node, left: child } : { ...node, right: child };
    case 'number':
    case 'selector':
      return node;
  }
}

/** The same data with one series less, or one sample less, or one plainer. */
export function smallerData(dataset: Dataset): Dataset[] {
  const { series } = dataset;
  const without = series.map((_one, i) => series.filter((_other, j) => i !== j));
  const shorter = series.flatMap((one, i) =>
    shorterTokens(tokensOf(one.values)).map((tokens) =>
      series.map((other, j) => (i === j ? { ...one, values: tokens.join(' ') } : other)),
    ),
  );
  return [...without, ...shorter]
    .filter(({ length }) => length > 0)
    .map((next) => ({ ...dataset, series: next }));
}

/** Without the end, and with gaps instead of ever smaller parts. */
function shorterTokens(tokens: readonly string[]): string[][] {
  const found = [tokens.slice(0, tokens.length >> 1), tokens.slice(0, -1)];
  for (let size = tokens.length >> 1; size > 0; size >>= 1) {
    for (let from = 0; from < tokens.length; from += size) {
      found.push(tokens.map((token, i) => (i >= from && i < from + size ? '_' : token)));
    }
  }
  const before = tokens.join(' ');
  return found.filter((next) => next.join(' ') !== before && next.some((token) => token !== '_'));
}

const MAX_ROUNDS = 100;
const MAX_CANDIDATES = 400;

/** Goes on to the first smaller case that still fails, as long as there is one. */
export async function shrink<Case>(
  start: Case,
  candidatesOf: (of: Case) => Case[],
  fails: (cases: readonly Case[]) => Promise<readonly boolean[]>,
): Promise<Case> {
  let smallest = start;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const candidates = candidatesOf(smallest).slice(0, MAX_CANDIDATES);
    const results = await fails(candidates);
    const next = candidates[results.indexOf(true)];
    if (next === undefined) break;
    smallest = next;
  }
  return smallest;
}
