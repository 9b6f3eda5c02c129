/**
 * The language of conditions, as EBNF. Words are the same in any case; blanks and `# comments`
 * stand between tokens. docs/policy-language.md says what it all means.
 *
 *   condition  = group                               language: vigil
 *   condition  = value [ "for" DURATION ]            language: promql
 *   group      = any { "for" ( DURATION | WHOLE ( "attempts" | "attempt" ) ) }
 *   any        = all { "or" all }
 *   all        = term { "and" term }
 *   term       = "not" term | "(" group ")" | test
 *   test       = sum COMPARE sum                     true or false per label set
 *              | sum                                 true unless 0
 *              | sum COMPARE "bool" sum              the same, of 0 and 1
 *              | selector ( "increasing" | "decreasing" ) "for" DURATION
 *              | selector "is" "missing" [ "for" DURATION ]
 *
 *   value      = joined { "or" joined }
 *   joined     = filter { ( "and" | "unless" ) filter }
 *   filter     = sum { COMPARE [ "bool" ] sum }
 *   sum        = product { ( "+" | "-" ) product }
 *   product    = signed { ( "*" | "/" | "%" ) signed }
 *   signed     = ( "+" | "-" ) signed | power
 *   power      = operand [ "^" signed ]
 *   operand    = NUMBER [ "%" ] | "Inf" | "NaN" | selector | call | aggregate | "(" value ")"
 *              | DURATION                            language: promql, in seconds
 *   selector   = NAME [ "{" [ matcher { "," matcher } [ "," ] ] "}" ]
 *                [ "[" DURATION "]" ] [ "offset" DURATION ]
 *   matcher    = LABEL ( "=" | "!=" | "=~" | "!~" ) STRING
 *   call       = FUNCTION "(" [ value { "," value } ] ")"
 *   aggregate  = AGGREGATION [ labels ] "(" [ value "," ] value ")" [ labels ]
 *   labels     = ( "by" | "without" ) "(" [ LABEL { "," LABEL } [ "," ] ] ")"
 *
 *   COMPARE    = ">" | ">=" | "<" | "<=" | "==" | "!="
 *   NUMBER     = digits with fraction and exponent, or 0x and hexadecimal digits
 *   DURATION   = one or more of a number and ms, s, m, h, d, w or y, as in 1h30m
 *   NAME       = [a-zA-Z_:][a-zA-Z0-9_:]*, but none of and, or, not, for, unless, Inf, NaN
 *   LABEL      = [a-zA-Z_][a-zA-Z0-9_]*
 *   STRING     = '…' or "…" with the escapes of Go, or `…` without any
 *   FUNCTION, AGGREGATION: domain/policy/functions/signatures.ts
 *
 * A parenthesis is a value's where something is done with it: `(a or b) > 5` filters, `(a or b)` joins.
 * A `%` behind a number is a percentage where no operand follows, and in `80% - 3`; never in PromQL.
 * Limits: 10,000 characters, 100 levels, 500 parts, 2,000 characters of regular expressions.
 */

import type {
  Condition,
  ConditionLanguage,
  Expression,
  ValueExpression,
} from '../../domain/policy/ast';
import { checksumOf } from '../canonical';
import { refuseScalar, toCondition } from './condition';
import { createCursor, peek, type Dialect } from './cursor';
import { ExpressionError, type ExpressionProblem } from './errors';
import { parseGroup } from './operators';
import { refuseRange } from './types';
import { unexpected } from './unexpected';
import { refuseMixedUnits } from './units';
import { toValue } from './value';
import type { Written } from './written';

export type ParsedCondition =
  { ok: true; condition: Condition } | { ok: false; problems: ExpressionProblem[] };

export type ParsedValue =
  { ok: true; expression: ValueExpression } | { ok: false; problems: ExpressionProblem[] };

/**
 * Reads a condition. An outermost `for D` becomes `forMs`. Never throws: what is wrong comes
 * back with its offset in the text.
 */
export function parseCondition(
  text: string,
  { language = 'vigil' }: { language?: ConditionLanguage } = {},
): ParsedCondition {
  return reporting(() => {
    const written = readWhole(text, { language, allowsFuture: false });
    const whole = language === 'vigil' ? toCondition(written) : toPresent(written);
    refuseMixedUnits(whole);
    const isHeld = whole.kind === 'for';
    const expression = isHeld ? whole.operand : whole;
    const forMs = isHeld ? whole.durationMs : 0;
    return { ok: true, condition: { text, expression, forMs, hash: hashExpression(expression) } };
  });
}

/**
 * Reads a value as PromQL has it, for tests of rules: no sugar, and an offset may be negative.
 * Never throws.
 */
export function parseValue(text: string): ParsedValue {
  return reporting(() => {
    const expression = toValue(readWhole(text, { language: 'promql', allowsFuture: true }));
    refuseRange(expression);
    return { ok: true, expression };
  });
}

/** SHA-256 (hex) of the expression without positions. */
export function hashExpression(expression: Expression): string {
  return checksumOf(
    JSON.parse(
      JSON.stringify(expression, (key, value: unknown) => (key === 'at' ? undefined : value)),
    ),
  );
}

function reporting<T>(read: () => T): T | { ok: false; problems: ExpressionProblem[] } {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { ok: false, problems: [{ at: error.at, message: error.message }] };
  }
}

function readWhole(text: string, dialect: Dialect): Written {
  const cursor = createCursor(text, dialect);
  if (peek(cursor).kind === 'end') throw new ExpressionError(0, 'the condition is empty');
  const written = parseGroup(cursor);
  const rest = peek(cursor);
  if (rest.kind !== 'end') throw unexpected(cursor, rest, written);
  return written;
}

/** PromQL with at most one `for D` behind the whole. */
function toPresent(written: Written): Expression {
  if (written.kind === 'for') {
    const operand = presentOf(written.operand);
    return { kind: 'for', at: operand.at, operand, durationMs: written.durationMs };
  }
  return presentOf(written);
}

function presentOf(written: Written): Expression {
  const operand = toValue(written);
  refuseScalar(operand);
  return { kind: 'present', at: operand.at, operand };
}
