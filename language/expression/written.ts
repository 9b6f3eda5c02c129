import type {
  ArithmeticOperator,
  Comparison,
  Positioned,
  Selector,
  SetOperator,
  ValueExpression,
} from '../../domain/policy/ast';

export type BinaryOperator = ArithmeticOperator | Comparison | SetOperator;

export type WrittenBinary = Positioned & {
  kind: 'binary';
  op: BinaryOperator;
  opAt: number;
  isBool: boolean;
  left: Written;
  right: Written;
};

/** What is no value; `wordAt` is where the word stands that says so. */
export type WrittenSugar = Positioned & { wordAt: number } & (
    | { kind: 'not'; operand: Written }
    | { kind: 'for'; operand: Written; durationMs: number }
    | { kind: 'forAttempts'; operand: Written; attempts: number }
    | {
        kind: 'trend';
        operand: Selector;
        direction: 'increasing' | 'decreasing';
        durationMs: number;
      }
    | { kind: 'missing'; operand: Selector; durationMs: number }
  );

/**
 * A text as it is written, before its place says what it means: `a and b` is a condition, or a
 * value when something is compared with it. value.ts and condition.ts decide.
 */
export type Written =
  | (Positioned & { kind: 'value'; value: ValueExpression })
  /** Parentheses. */
  | (Positioned & { kind: 'group'; inner: Written })
  | (Positioned & { kind: 'sign'; sign: '+' | '-'; operand: Written })
  | WrittenBinary
  | WrittenSugar;
