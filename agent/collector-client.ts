import { createRestClient, type RestAnswer } from '../platform/rest-client';
import { readVersion } from '../platform/version';

const USER_AGENT = `vigil-agent/${readVersion()}`;

/** Talks to the collector's REST interface. Rejects only when there was no answer. */
export interface CollectorClient {
  get: (path: string) => Promise<RestAnswer>;
  post: (path: string, body: unknown) => Promise<RestAnswer>;
}

export function createCollectorClient(options: {
  apiUrl: string;
  tokenFile?: string | undefined;
  now: () => number;
}): CollectorClient {
  const send = createRestClient({ ...options, headers: { 'user-agent': USER_AGENT } });
  return {
    get: (path) => send({ method: 'GET', path }),
    post: (path, body) => send({ method: 'POST', path, body }),
  };
}
