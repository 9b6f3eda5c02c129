import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { isDatabaseAway } from '../storage/away';
import { StoreBusyError } from '../storage/samples';
import { HttpProblem, unavailable, unprocessable, type Problem } from './problems';
import { safeUrl } from './safe-url';

const holdsNul = (cause: unknown): HttpProblem =>
  new HttpProblem(422, 'the request holds a NUL character; leave it out', { cause });

/** By PostgreSQL's code. */
const OF_DATABASE: Readonly<Record<string, (cause: unknown) => HttpProblem>> = {
  // No such table.
  '42P01': (cause) => unavailable('the database is not migrated yet (vigil migrate)', 5, cause),
  // In text, and in JSON.
  '22021': holdsNul,
  '22P05': holdsNul,
};

/** Every error of every route becomes an RFC 9457 problem here. */
export function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  if (problem.status >= 500) {
    const level = problem.status === 503 ? 'warn' : 'error';
    const { method, url } = request;
    request.log[level]({ err: error, method, url: safeUrl(url) }, 'request failed');
  }
  sendProblem(request, reply, problem);
}

export function renderNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0] ?? '';
  sendProblem(request, reply, new HttpProblem(404, `there is no ${request.method} ${path}`));
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: HttpProblem): void {
  const { status, message, options } = problem;
  if (options.retryAfterSeconds !== undefined)
    reply.header('retry-after', options.retryAfterSeconds);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  const body = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    requestId: request.id,
    ...options.extra,
    ...(options.problems === undefined ? {} : { problems: options.problems }),
  };
  // Past the routes' response schemas: those describe answers, not problems.
  void reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}

function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof StoreBusyError) return unavailable(error.message, 1, error);
  if (isDatabaseAway(error)) return unavailable('PostgreSQL does not answer', 2, error);
  const { code = '', statusCode, message } = error as Partial<FastifyError>;
  const known = OF_DATABASE[code];
  if (known !== undefined) return known(error);
  if (hasZodFastifySchemaValidationErrors(error)) {
    const place = (error as FastifyError).validationContext ?? 'request';
    return unprocessable(`the ${place} is not valid`, error.validation.flatMap(toFieldProblems));
  }
  // Fastify's own: 400 no JSON, 413 too large, 415 no such content type, 429 too many.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpProblem(statusCode, message ?? '', { cause: error });
  }
  return new HttpProblem(500, 'an internal error; the log has it under this requestId', {
    cause: error,
  });
}

interface Invalid {
  keyword: string;
  instancePath: string;
  message?: string;
  params: Record<string, unknown>;
}

/** `/3/tags/host` → index 3, field `tags.host`. Of unknown fields each is named. */
function toFieldProblems({ keyword, instancePath, message, params }: Invalid): Problem[] {
  const parts = instancePath.split('/').slice(1);
  const index = /^\d+$/.test(parts[0] ?? '') ? { index: Number(parts.shift()) } : {};
  const at = parts.filter((part) => part !== '');
  if (keyword === 'unrecognized_keys')
    return (params['keys'] as string[]).map((key) => {
      return { ...index, field: [...at, key].join('.'), message: 'is no field that is known' };
    });
  return [{ ...index, field: parts.join('.'), message: message ?? 'is not valid' }];
}
