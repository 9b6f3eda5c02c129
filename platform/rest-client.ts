import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const TIMEOUT_MS = 10_000;

export interface RestAnswer {
  status: number;
  /** Parsed JSON, or null when it is none. */
  body: unknown;
  /** From Retry-After; null without it. */
  retryAfterMs: number | null;
  requestId: string;
}

export interface RestRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Ends it early. */
  signal?: AbortSignal;
}

/** Talks to the API. Rejects only when there was no answer. */
export type RestClient = (request: RestRequest) => Promise<RestAnswer>;

/** The token is read for every request, so that it may be rotated under a running process. */
export function createRestClient(options: {
  apiUrl: string;
  tokenFile?: string | undefined;
  headers: Readonly<Record<string, string>>;
  now: () => number;
}): RestClient {
  return async ({ method, path, body, signal }) => {
    const requestId = randomUUID();
    const headers: Record<string, string> = { ...options.headers, 'x-request-id': requestId };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (options.tokenFile !== undefined) {
      headers['authorization'] = `Bearer ${(await readFile(options.tokenFile, 'utf8')).trim()}`;
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(new URL(path, options.apiUrl), {
      method,
      headers,
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: parse(await response.text()),
      retryAfterMs: delayOf(response.headers.get('retry-after'), options.now()),
      requestId,
    };
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
