import { createHmac } from 'node:crypto';
import { hostname } from 'node:os';
import { fillTemplate, type TemplateSource } from '../../../domain/action/template';
import { TransientError, type ExecuteRequest } from '../../../domain/action/runtime';
import { parseResourceKey } from '../../../domain/resource';
import type { JsonValue, WebhookAction } from '../../../domain/runtime-spec';
import { isSecretReference, resolveSecret, SecretError } from '../../../platform/secret-references';
import type { Call } from './send';

export const HEADERS = {
  /** `<action uuid>/<step>`: the same for every try of one step. */
  key: 'idempotency-key',
  /** Unix time of sending, seconds. */
  timestamp: 'x-vigil-timestamp',
  /** `sha256=` and the hex HMAC-SHA-256 over `<timestamp>.<body>`. */
  signature: 'x-vigil-signature',
};

export interface SecretCall {
  call: Call;
  /** The values behind the references: they may show up nowhere. */
  secrets: string[];
}

/** The request that stands for a step, signed with the secret as it is now. `now` in epoch ms. */
export async function createCall(
  request: ExecuteRequest,
  { action, secret, now }: { action: WebhookAction; secret: string | null; now: number },
): Promise<SecretCall> {
  const body = Buffer.from(JSON.stringify(bodyOf(request, action)));
  const own = await resolveHeaders(action.headers);
  const timestamp = String(Math.floor(now / 1000));
  const signed = secret === null ? null : await sign(secret, `${timestamp}.`, body);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'vigil',
    ...own.headers,
    'content-length': String(body.length),
    [HEADERS.key]: request.key,
    [HEADERS.timestamp]: timestamp,
    ...(signed === null ? {} : { [HEADERS.signature]: signed.signature }),
  };
  const { method, timeoutMs } = action;
  return {
    call: { url: new URL(action.url), method, headers, body, timeoutMs },
    secrets: [...own.secrets, ...(signed === null ? [] : [signed.key])],
  };
}

/** Headers with their references resolved now, names in lower case. */
export async function resolveHeaders(
  given: Readonly<Record<string, string>>,
): Promise<{ headers: Record<string, string>; secrets: string[] }> {
  const headers: Record<string, string> = {};
  const secrets: string[] = [];
  for (const [name, text] of Object.entries(given)) {
    const value = await resolve(`header ${name}`, text);
    // Left to the library, the error would be that of a connection.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new Error(`header ${name}: its value holds characters that no header may hold`);
    }
    headers[name.toLowerCase()] = value;
    if (isSecretReference(text)) secrets.push(value);
  }
  return { headers, secrets };
}

async function sign(
  reference: string,
  prefix: string,
  body: Buffer,
): Promise<{ signature: string; key: string }> {
  const key = await resolve('secret', reference);
  if (key === '') throw new Error(`secret: the value of "${reference}" is empty`);
  const digest = createHmac('sha256', key).update(prefix).update(body).digest('hex');
  return { signature: `sha256=${digest}`, key };
}

async function resolve(what: string, text: string): Promise<string> {
  try {
    return await resolveSecret(text);
  } catch (cause) {
    const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
    const isTransient = cause instanceof SecretError && cause.isTransient;
    throw isTransient ? new TransientError(message, { cause }) : new Error(message, { cause });
  }
}

/** Vigil's own fields, or what the manifest wants instead. */
function bodyOf(request: ExecuteRequest, { body }: WebhookAction): JsonValue {
  const { target, step, key } = request;
  if (body !== null) {
    return fill(body, { target, host: hostname(), key, params: step.params });
  }
  const { namespace } = parseResourceKey(target.resource);
  const [actionId = '', index = ''] = key.split('/');
  return {
    resource: target.resource,
    namespace,
    action: step.action,
    params: step.params,
    actionId,
    step: Number(index),
  };
}

function fill(value: JsonValue, source: TemplateSource): JsonValue {
  if (typeof value === 'string') {
    const filled = fillTemplate(value, source);
    if (!filled.ok) throw new Error(filled.message);
    return filled.text;
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, source));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, fill(part, source)]),
  );
}
