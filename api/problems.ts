import { z } from 'zod';

/** Errors that routes throw; the error handler of app.ts renders them as RFC 9457 problems. */

export interface Problem {
  /** Position in the array that was sent; absent for a single object. */
  index?: number;
  /** Field, or `file:line:col` of a manifest. */
  field: string;
  message: string;
}

/** RFC 9457; for the documentation, since problems are rendered past the routes' schemas. */
export const problemAnswer = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    requestId: z.string(),
    problems: z
      .array(
        z.object({ index: z.number().int().optional(), field: z.string(), message: z.string() }),
      )
      .optional(),
  })
  .meta({ id: 'Problem', description: 'What was wrong; every problem of the request at once' });

export interface ProblemOptions {
  problems?: Problem[];
  retryAfterSeconds?: number;
  /** Further members of the answer, such as `{ gate: 'paused' }`. */
  extra?: Record<string, unknown>;
  cause?: unknown;
}

export class HttpProblem extends Error {
  readonly status: number;
  readonly options: ProblemOptions;

  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = 'HttpProblem';
    this.status = status;
    this.options = options;
  }
}

export function notFound(detail: string): HttpProblem {
  return new HttpProblem(404, detail);
}

/** 409; `extra` names the gate or the owner that is in the way. */
export function conflict(detail: string, extra: Record<string, unknown> = {}): HttpProblem {
  return new HttpProblem(409, detail, { extra });
}

/** 422 with every problem found. */
export function unprocessable(detail: string, problems: Problem[]): HttpProblem {
  return new HttpProblem(422, detail, { problems });
}

/** 503: try again later. */
export function unavailable(detail: string, retryAfterSeconds = 2, cause?: unknown): HttpProblem {
  return new HttpProblem(503, detail, { retryAfterSeconds, cause });
}
