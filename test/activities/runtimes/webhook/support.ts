import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createWebhookRuntime,
  type WebhookRuntimeDeps,
} from '../../../../activities/runtimes/webhook/runtime';
import type { ExecuteRequest, Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import type { StepParams } from '../../../../domain/policy/policy';
import type { WebhookAction, WebhookSpec } from '../../../../domain/runtime-spec';
import { serviceSpec } from '../../../support/manifest-objects';

export const KEY = '0b5e5c1e-0000-4000-8000-000000000001/2';
export const goOn = new AbortController().signal;

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Answering = (response: ServerResponse, received: Received) => void;

export interface Receiver {
  url: string;
  port: number;
  /** All whole requests so far. */
  received: Received[];
  /** How the next requests are answered; 204 at first. */
  answer: (how: Answering) => void;
  close: () => Promise<void>;
}

/** A real HTTP server on loopback that notes what it gets. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let how: Answering = (response) => response.writeHead(204).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      received.push(one);
      how(response, one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    answer(given) {
      how = given;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function answerWith(status: number, body = '', headers: Record<string, string> = {}) {
  return (response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };
}

export interface Bench {
  runtime: Runtime;
  target: (
    action: Partial<WebhookAction>,
    given?: { spec?: Partial<WebhookSpec>; labels?: Record<string, string> },
  ) => RuntimeTarget;
  request: (target: RuntimeTarget, params?: StepParams) => Promise<ExecuteRequest>;
  /** Runs the action `fix`. */
  act: (
    target: RuntimeTarget,
    given?: { signal?: AbortSignal; params?: StepParams },
  ) => ReturnType<Runtime['execute']>;
}

/** A runtime that may reach loopback, and targets whose manifest asks for it. */
export function createBench(url: string, deps: Partial<WebhookRuntimeDeps> = {}): Bench {
  const runtime = createWebhookRuntime({
    allowPrivate: ['127.0.0.0/8', '::1'],
    now: Date.now,
    ...deps,
  });
  const bench: Bench = {
    runtime,
    target: (action, { spec = {}, labels = {} } = {}) => ({
      resource: 'shop/web',
      spec: serviceSpec({
        labels,
        runtime: {
          type: 'webhook',
          actions: {
            fix: {
              url: `${url}/fix`,
              method: 'POST',
              body: null,
              headers: {},
              timeoutMs: 5_000,
              idempotent: false,
              ...action,
            },
          },
          inspect: null,
          secret: null,
          allowPrivate: true,
          ...spec,
        },
      }),
    }),
    async request(target, params = {}) {
      const snapshot = await runtime.inspect(target);
      return { key: KEY, step: { action: 'fix', params }, target, snapshot };
    },
    act: async (target, { signal = goOn, params = {} } = {}) =>
      runtime.execute(await bench.request(target, params), signal),
  };
  return bench;
}

/** The error that work ends with; fails when it ends well. */
export async function failure(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (error instanceof Error) return error;
  throw new Error('it ended well');
}
