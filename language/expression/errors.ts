/** One thing wrong with a condition; `at` is an offset in its text, from 0. */
export interface ExpressionProblem {
  at: number;
  message: string;
}

/** What reading stops at; never leaves language/expression. */
export class ExpressionError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.name = 'ExpressionError';
    this.at = at;
  }
}
