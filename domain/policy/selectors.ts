import type { Condition, Expression, Selector, ValueExpression } from './ast';

type Node = Expression | ValueExpression;

/** The nodes directly below one, in the order in which they are written. */
export function childrenOf(node: Node): readonly Node[] {
  if ('left' in node) return [node.left, node.right];
  if (node.kind === 'call') return node.args;
  if (node.kind === 'aggregate' && node.parameter !== undefined) {
    return [node.parameter, node.operand];
  }
  return 'operand' in node ? [node.operand] : [];
}

/** A condition is looked at again and again, and never changes. */
const found = new WeakMap<Node, readonly Selector[]>();

/** Every selector of an expression, in the order in which it is written. */
export function selectorsOf(node: Node): readonly Selector[] {
  if (node.kind === 'selector') return [node];
  const known = found.get(node);
  if (known !== undefined) return known;
  const selectors = childrenOf(node).flatMap(selectorsOf);
  found.set(node, selectors);
  return selectors;
}

/** Whether some node of the expression is of that sort. */
export function contains(node: Node, isWanted: (node: Node) => boolean): boolean {
  return isWanted(node) || childrenOf(node).some((child) => contains(child, isWanted));
}

/** A condition's expressions: what is wrong, and what clears it. */
export function expressionsOf({ expression, clear }: Wrong): Expression[] {
  return clear === undefined ? [expression] : [expression, clear];
}

type Wrong = Pick<Condition, 'expression' | 'clear'>;
