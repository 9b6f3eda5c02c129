import type { Expression, ValueExpression } from '../../domain/policy/ast';
import { childrenOf } from '../../domain/policy/selectors';

/** How many nodes of each kind there are: functions and aggregations by name, operators by sign. */
export function kindsOf(expressions: Iterable<ValueExpression>): Map<string, number> {
  const kinds = new Map<string, number>();
  const visit = (node: Expression | ValueExpression): void => {
    for (const kind of kindOf(node as ValueExpression)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    childrenOf(node).forEach(visit);
  };
  for (const expression of expressions) visit(expression);
  return new Map([...kinds].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function kindOf(node: ValueExpression): string[] {
  switch (node.kind) {
    case 'number':
      return ['number'];
    case 'negate':
      return ['negation'];
    case 'call':
      return [node.function];
    case 'aggregate':
      return [node.op];
    case 'arithmetic':
    case 'set':
      return [node.op];
    case 'compare':
      return [node.isBool === true ? `${node.op} bool` : node.op];
    case 'selector':
      return [
        node.rangeMs === undefined ? 'selector' : 'range',
        ...(node.offsetMs === undefined ? [] : ['offset']),
        ...node.matchers.map(({ op }) => `matcher ${op}`),
      ];
  }
}
