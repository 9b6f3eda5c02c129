import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readVersion } from '../platform/version';

const TIMEOUT_MS = 10_000;
const USER_AGENT = `vigil-agent/${readVersion()}`;

export interface CollectorAnswer {
  status: number;
  /** Parsed JSON, or null when it is none. */
  body: unknown;
  /** From Retry-After; null without it. */
  retryAfterMs: number | null;
  requestId: string;
}

/** Talks to the collector's REST interface. Rejects only when there was no answer. */
export interface CollectorClient {
  get: (path: string) => Promise<CollectorAnswer>;
  post: (path: string, body: unknown) => Promise<CollectorAnswer>;
}

/** The token is read for every request, so that it may be rotated under a running agent. */
export function createCollectorClient(options: {
  apiUrl: string;
  tokenFile?: string | undefined;
  now: () => number;
}): CollectorClient {
  async function send(method: string, path: string, body?: unknown): Promise<CollectorAnswer> {
    const requestId = randomUUID();
    const headers: Record<string, string> = {
      'x-request-id': requestId,
      'user-agent': USER_AGENT,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (options.tokenFile !== undefined) {
      headers['authorization'] = `Bearer ${(await readFile(options.tokenFile, 'utf8')).trim()}`;
    }
    const response = await fetch(new URL(path, options.apiUrl), {
      method,
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: parse(await response.text()),
      retryAfterMs: delayOf(response.headers.get('retry-after'), options.now()),
      requestId,
    };
  }

  return {
    get: (path) => send('GET', path),
    post: (path, body) => send('POST', path, body),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Seconds, or a date. */
function delayOf(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const delayMs = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000;
  return Number.isNaN(delayMs) ? null : Math.max(0, delayMs);
}

/** What to tell of a failed request: fetch hides the reason in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === ''
    ? ((cause as NodeJS.ErrnoException).code ?? cause.name)
    : cause.message;
}
