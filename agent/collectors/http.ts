import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Check } from '../checks';
import { samplesAt, type Sample } from '../sample';

export interface Looked {
  samples: Sample[];
  /** To be sent at once. */
  isUrgent: boolean;
}

/**
 * Asks an endpoint: `http_up` is 1 for an answer from 200 to 399 within the timeout, else 0;
 * `http_response_seconds` goes with every answer. A failed attempt is urgent.
 */
export async function lookAtEndpoint(
  check: Pick<Check, 'endpoint' | 'timeoutMs' | 'tags'>,
  now: () => number,
): Promise<Looked> {
  const start = performance.now();
  const status = await statusOf(check.endpoint ?? '', check.timeoutMs);
  const seconds = (performance.now() - start) / 1000;
  const isUp = status !== null && status >= 200 && status < 400;
  return {
    samples: samplesAt(now(), check.tags, {
      http_up: isUp ? 1 : 0,
      ...(status === null ? {} : { http_response_seconds: seconds }),
    }),
    isUrgent: !isUp,
  };
}

/**
 * Null: no whole answer in time. Each attempt opens a connection of its own: on a kept one the
 * server's idle timeout would now and then look like a failure, and a healthy process be restarted.
 */
function statusOf(endpoint: string, timeoutMs: number): Promise<number | null> {
  return new Promise((resolve) => {
    const failed = (): void => {
      resolve(null);
    };
    try {
      const url = new URL(endpoint);
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = { 'user-agent': 'vigil-agent', accept: '*/*' };
      send(url, { agent: false, signal, headers }, (response) => {
        response.on('error', failed);
        response.on('end', () => {
          resolve(response.statusCode ?? null);
        });
        response.resume();
      })
        .on('error', failed)
        .end();
    } catch {
      failed();
    }
  });
}
