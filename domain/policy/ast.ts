/**
 * The abstract syntax of a condition. language/expression produces it, domain/policy/evaluate
 * reads it, and it is stored as JSON with the policy, so every node is plain data.
 */

/** Offset of a node's first character in the condition's text, from 0. */
export interface Positioned {
  at: number;
}

export type Comparison = '>' | '>=' | '<' | '<=' | '==' | '!=';

export interface Matcher {
  label: string;
  op: '=' | '!=';
  value: string;
}

/** A number. `isPercent` marks `80%`: 80 here, N/100 or N when compared (evaluate decides). */
export type NumberLiteral = Positioned & { kind: 'number'; value: number; isPercent: boolean };

/** The newest value of each series of that name. */
export type Selector = Positioned & { kind: 'selector'; metric: string; matchers: Matcher[] };

export type ValueExpression = NumberLiteral | Selector;

export type Expression =
  | (Positioned & {
      kind: 'compare';
      op: Comparison;
      left: ValueExpression;
      right: ValueExpression;
    })
  /** A bare metric as a boolean: any value but 0 is true. */
  | (Positioned & { kind: 'truthy'; operand: Selector })
  | (Positioned & { kind: 'and'; left: Expression; right: Expression })
  | (Positioned & { kind: 'or'; left: Expression; right: Expression })
  | (Positioned & { kind: 'not'; operand: Expression })
  /** True when the operand has been true for that long. */
  | (Positioned & { kind: 'for'; operand: Expression; durationMs: number })
  /** True when the newest N samples all match. */
  | (Positioned & { kind: 'forAttempts'; operand: Expression; attempts: number });

/** A policy's condition: the expression without its trailing `for D`, and D. */
export interface Condition {
  /** As written by the author. */
  text: string;
  expression: Expression;
  forMs: number;
  /** SHA-256 (hex) of the expression without positions: says whether an edit changed the meaning. */
  hash: string;
}
