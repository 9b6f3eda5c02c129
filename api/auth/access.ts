import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem, unprocessable } from '../problems';
import { carriesToken, isLoopback } from '../../platform/bearer-token';

/** Health checkers have no token; the page of a signed link is opened by the link alone. */
const OPEN = new Set(['/health', '/api/v1/health', '/approve', '/api/v1/approve']);
/** Behind the token too, unless only this machine can ask: browsers and scrapers then need none. */
const OPEN_ON_LOOPBACK = /^\/(metrics|redoc|openapi\.json|docs(\/.*)?)$/;
const ACTOR = /^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$/;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface Access {
  /** Null: anonymous. */
  token: string | null;
  /** The address that is listened on. */
  host: string;
}

/** Lets a request in or answers 401 or 403, before its body is read, and says who asks (`request.actor`). */
export function guard(app: FastifyInstance, access: Access): void {
  app.decorateRequest('actor', 'anonymous');
  // After the rate limit's onRequest hooks, so that guesses at the token are limited too.
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (access.token === null) refuseForeignPages(request);
    else if (!isOpen(request, access) && !carriesToken(request.headers.authorization, access.token))
      throw new HttpProblem(401, 'send the header Authorization: Bearer <token>');
    request.actor = actorOf(request, access.token === null ? 'anonymous' : 'token');
    done();
  });
}

function isOpen(request: FastifyRequest, { host }: Access): boolean {
  const path = request.routeOptions.url ?? '';
  return OPEN.has(path) || (isLoopback(host) && OPEN_ON_LOOPBACK.test(path));
}

/**
 * Without a token the loopback address is the only guard, and a web page in a browser on this
 * machine gets past that: by a name that resolves to 127.0.0.1, or by a form sent to us.
 */
function refuseForeignPages(request: FastifyRequest): void {
  if (!isLoopback(request.hostname)) {
    throw new HttpProblem(403, 'anonymous access is for localhost and 127.0.0.1 only');
  }
  const { origin } = request.headers;
  if (READING.has(request.method) || origin === undefined) return;
  if (!URL.canParse(origin) || new URL(origin).host !== request.host) {
    throw new HttpProblem(403, 'anonymous changes from pages of another origin are refused');
  }
}

function actorOf(request: FastifyRequest, fallback: string): string {
  const name = request.headers['x-vigil-actor'];
  if (name === undefined) return fallback;
  if (typeof name === 'string' && ACTOR.test(name)) return `user:${name}`;
  throw unprocessable('the actor cannot be recorded', [
    { field: 'X-Vigil-Actor', message: 'must be 1 to 64 letters, digits, spaces or . _ @ + -' },
  ]);
}
