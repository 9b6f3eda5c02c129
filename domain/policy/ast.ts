/**
 * The abstract syntax of a condition. language/expression produces it, domain/policy/evaluate
 * reads it, and it is stored as JSON with the policy, so every node is plain data. Fields that are
 * optional here are absent in the plain case, so that a text keeps its hash from release to release.
 */

/** Offset of a node's first character in the condition's text, from 0. */
export interface Positioned {
  at: number;
}

export type Comparison = '>' | '>=' | '<' | '<=' | '==' | '!=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^';
export type SetOperator = 'and' | 'or' | 'unless';

export interface Matcher {
  label: string;
  /** `=~` and `!~` take an RE2 expression that must match the whole value. */
  op: '=' | '!=' | '=~' | '!~';
  value: string;
}

/**
 * A number. `isPercent` marks `80%`: 80 here, N/100 or N when compared (evaluate decides).
 * `special`: a value that JSON cannot hold; `value` is then 0.
 */
export type NumberLiteral = Positioned & {
  kind: 'number';
  value: number;
  isPercent: boolean;
  special?: 'Inf' | 'NaN';
};

/**
 * The newest value of each series of that name; with `rangeMs` the samples of that long a window,
 * open on the left. `offsetMs` (may be negative only in tests of rules) looks that far into the past.
 */
export type Selector = Positioned & {
  kind: 'selector';
  metric: string;
  matchers: Matcher[];
  rangeMs?: number;
  offsetMs?: number;
};

/** A function of domain/policy/functions. */
export type Call = Positioned & { kind: 'call'; function: string; args: ValueExpression[] };

export type AggregateOperator =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'quantile';

/** `sum by (host) (x)`, `topk(3, x)`. */
export type Aggregate = Positioned & {
  kind: 'aggregate';
  op: AggregateOperator;
  operand: ValueExpression;
  /** Of topk, bottomk and quantile: a scalar. */
  parameter?: ValueExpression;
  /** Absent: everything is one group. */
  grouping?: { mode: 'by' | 'without'; labels: string[] };
};

export type Negate = Positioned & { kind: 'negate'; operand: ValueExpression };

export type Arithmetic = Positioned & {
  kind: 'arithmetic';
  op: ArithmeticOperator;
  left: ValueExpression;
  right: ValueExpression;
};

/** As a condition a test per label set; inside a value a filter, or 0 and 1 with `isBool`. */
export type Compare = Positioned & {
  kind: 'compare';
  op: Comparison;
  left: ValueExpression;
  right: ValueExpression;
  isBool?: true;
};

/** PromQL's operators over label sets, inside a value. */
export type SetOperation = Positioned & {
  kind: 'set';
  op: SetOperator;
  left: ValueExpression;
  right: ValueExpression;
};

/** What has a value at a time: a scalar, a vector, or (only as an argument) a range. Exactly PromQL. */
export type ValueExpression =
  NumberLiteral | Selector | Call | Aggregate | Negate | Arithmetic | Compare | SetOperation;

/** What is true, false or unknown at a time. */
export type Expression =
  | Compare
  /** A value as a boolean: any but 0 is true. */
  | (Positioned & { kind: 'truthy'; operand: ValueExpression })
  /** `language: promql`: a label set is true while it is in the result, and false when it is not. */
  | (Positioned & { kind: 'present'; operand: ValueExpression })
  /** `x increasing for 30m`: true while the samples of that long a window rise, or fall. */
  | (Positioned & {
      kind: 'trend';
      operand: Selector;
      direction: 'increasing' | 'decreasing';
      durationMs: number;
    })
  /** `x is missing for 2m`: a series that was seen has had no sample for that long. */
  | (Positioned & { kind: 'missing'; operand: Selector; durationMs: number })
  | (Positioned & { kind: 'and'; left: Expression; right: Expression })
  | (Positioned & { kind: 'or'; left: Expression; right: Expression })
  | (Positioned & { kind: 'not'; operand: Expression })
  /** True when the operand has been true for that long. */
  | (Positioned & { kind: 'for'; operand: Expression; durationMs: number })
  /** True when the newest N samples all match. */
  | (Positioned & { kind: 'forAttempts'; operand: Expression; attempts: number });

/** `present` holds PromQL as it is; everything else is Vigil's own three-valued language. */
export type ConditionLanguage = 'vigil' | 'promql';

/** A policy's condition: the expression without its trailing `for D`, and D. */
export interface Condition {
  /** As written by the author. */
  text: string;
  expression: Expression;
  forMs: number;
  /** SHA-256 (hex) of everything below and the expression, without positions: says whether an edit changed the meaning. */
  hash: string;
  /** Hysteresis: once it has fired it stays true until this is true. Absent: until the expression is not true. */
  clear?: Expression;
  /** What no data means. Absent: hold, which is unknown. */
  missing?: 'healthy' | 'firing';
  /** Once it has fired it stays true for that long after the first evaluation that did not match. */
  keepFiringMs?: number;
}
