import { foundByIdentity, toldIdentity, UNSEEN } from '../../../domain/action/opaque';
import type {
  ExecuteRequest,
  Runtime,
  RuntimeTarget,
  Snapshot,
} from '../../../domain/action/runtime';
import type { WebhookAction, WebhookSpec } from '../../../domain/runtime-spec';
import { createAddressRanges } from '../../../platform/address-ranges';
import { sha256 } from '../../../platform/sha256';
import { faultOf, resultOf, type Asked } from './answer';
import { createHostBreakers } from './breakers';
import { createCall, resolveHeaders } from './call';
import type { Resolve } from './lookup';
import { RefusedAddressError } from './lookup';
import { send, SendError, type Way } from './send';
import { WEBHOOK_CATALOGUE, WEBHOOK_LIMITS } from './spec';

export interface WebhookRuntimeDeps {
  /** Addresses and ranges that are not public and may be reached (`worker.webhook.allowPrivate`). */
  allowPrivate: readonly string[];
  /** Epoch ms. */
  now: () => number;
  /** How names are resolved; default: as the system does. */
  resolve?: Resolve;
  breaker?: { volume?: number; resetMs?: number };
}

/** The runtime of people's own HTTP endpoints. */
export function createWebhookRuntime(deps: WebhookRuntimeDeps): Runtime {
  const allowed = createAddressRanges(deps.allowPrivate);
  const breakers = createHostBreakers({ now: deps.now, ...deps.breaker });

  function wayFor({ allowPrivate }: WebhookSpec, signal: AbortSignal | null): Way {
    const { resolve } = deps;
    return { rule: { allowPrivate, allowed }, signal, ...(resolve && { resolve }) };
  }

  /** What its `inspect` endpoint answers; null: it has none, or that did not answer well. */
  async function identityOf(target: RuntimeTarget): Promise<Snapshot['identity']> {
    const spec = webhookOf(target);
    if (spec.inspect === null) return null;
    const { headers, secrets } = await resolveHeaders(spec.inspect.headers);
    const call = {
      url: new URL(spec.inspect.url),
      method: 'GET',
      headers: { 'user-agent': 'vigil', ...headers },
      body: Buffer.alloc(0),
      timeoutMs: WEBHOOK_LIMITS.inspectTimeoutMs,
    };
    try {
      const { status, body } = await send(call, wayFor(spec, null));
      return status === 200 ? toldIdentity(body.captured(secrets).text, sha256) : null;
    } catch (error) {
      if (error instanceof SendError) return null;
      throw named('inspect', error);
    }
  }

  return {
    catalogue: WEBHOOK_CATALOGUE,

    inspect: async (target) => ({ identity: await identityOf(target), takenAt: deps.now() }),

    async execute(request, signal) {
      const spec = webhookOf(request.target);
      const action = actionOf(request);
      signal.throwIfAborted();
      const now = deps.now();
      const { call, secrets } = await createCall(request, { action, secret: spec.secret, now });
      const place = `${call.url.origin}${call.url.pathname}`;
      const { idempotent } = action;
      const asked: Asked = { place, key: request.key, idempotent, secrets, now };
      signal.throwIfAborted();
      const told = await breakers.run(call.url.host, signal, async () => {
        const answer = await send(call, wayFor(spec, signal)).catch((error: unknown) => {
          throw named(request.step.action, faultOf(error, asked));
        });
        return resultOf(answer, asked);
      });
      // The effect has happened: a look that fails must not make it look otherwise.
      return { identity: await identityOf(request.target).catch(() => null), ...told };
    },

    async findDone(request) {
      const { idempotent } = actionOf(request);
      const identity = await identityOf(request.target);
      return foundByIdentity(request, { idempotent, identity });
    },

    observe: () => Promise.resolve(UNSEEN),

    ensureRunning: () => Promise.resolve(null),
  };
}

function webhookOf({ resource, spec }: RuntimeTarget): WebhookSpec {
  if (spec.runtime.type === 'webhook') return spec.runtime;
  throw new Error(`${resource} is of runtime ${spec.runtime.type}, not webhook`);
}

function actionOf({ target, step }: ExecuteRequest): WebhookAction {
  const { actions } = webhookOf(target);
  const action = Object.hasOwn(actions, step.action) ? actions[step.action] : undefined;
  if (action !== undefined) return action;
  const known = Object.keys(actions).join(', ');
  throw new Error(`runtime webhook has no action "${step.action}"; it has ${known}`);
}

/** An address that is refused says which of the manifest's URLs it is about. */
function named(what: string, error: unknown): unknown {
  return error instanceof RefusedAddressError ? new Error(`${what}: ${error.message}`) : error;
}
