import { z } from 'zod';
import { ownVerbFaults } from '../../../domain/action/opaque';
import { templateFault } from '../../../domain/action/template';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import type { JsonValue } from '../../../domain/runtime-spec';
import { duration } from '../../../platform/config-sections';
import { isSecretReference } from '../../../platform/secret-references';
import { isPublicAddress, literalAddress } from './public-addresses';

export const WEBHOOK_LIMITS = {
  defaultTimeoutMs: 10_000,
  /** Three tries of it fit into an act's two minutes. */
  maxTimeoutMs: 30_000,
  inspectTimeoutMs: 10_000,
};

/** Headers that say what the request is, or that only Vigil may set. */
const RESERVED =
  /^(host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|keep-alive|proxy-.*|idempotency-key|x-vigil-.*)$/i;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

function urlFault(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be an http:// or https:// URL';
  if (url.username !== '' || url.password !== '') {
    return 'must hold no user and password: use headers, with a secret reference';
  }
  if (/[{}]/.test(text)) return 'must hold no placeholders: they are for the body';
  return null;
}

const url = z.string().superRefine((text, context) => {
  const message = urlFault(text);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

/** `exec:` would run a program, which is for runtime script and its allowed folders. */
function isFetched(text: string): boolean {
  return isSecretReference(text) && !text.startsWith('exec:');
}

function headerFault(name: string, text: string): string | null {
  if (!HEADER.test(name)) return `"${name}" is no name of a header`;
  if (RESERVED.test(name)) return `"${name}" is set by Vigil alone`;
  return isSecretReference(text) && !isFetched(text)
    ? 'must not be an exec: reference here; use file: or env:'
    : null;
}

const headers = z
  .record(z.string(), z.string())
  .superRefine((all, context) => {
    for (const [name, text] of Object.entries(all)) {
      const message = headerFault(name, text);
      if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .default({});

const body = z
  .json()
  .superRefine((value, context) => {
    for (const { path, text } of textsOf(value)) {
      const message = templateFault(text, { hasAction: true });
      if (message !== null) context.addIssue({ code: 'custom', path, message });
    }
  })
  .nullable()
  .default(null);

function textsOf(value: JsonValue): { path: (string | number)[]; text: string }[] {
  if (typeof value === 'string') return [{ path: [], text: value }];
  if (value === null || typeof value !== 'object') return [];
  const parts: [string | number, JsonValue][] = Array.isArray(value)
    ? value.map((item, i) => [i, item])
    : Object.entries(value);
  return parts.flatMap(([step, part]) =>
    textsOf(part).map(({ path, text }) => ({ path: [step, ...path], text })),
  );
}

const timeout = duration
  .refine(
    (ms) => ms >= 1 && ms <= WEBHOOK_LIMITS.maxTimeoutMs,
    `must be between 1ms and ${WEBHOOK_LIMITS.maxTimeoutMs / 1000}s`,
  )
  .default(WEBHOOK_LIMITS.defaultTimeoutMs);

const action = z
  .strictObject({
    url,
    method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    body,
    headers,
    timeout,
    idempotent: z.boolean().default(false),
  })
  .transform(({ timeout: timeoutMs, ...rest }) => ({ ...rest, timeoutMs }));

/** `spec.runtime` of a Service; its output is a WebhookSpec. */
const schema = z
  .strictObject({
    type: z.literal('webhook'),
    actions: z.record(z.string(), action).superRefine((all, context) => {
      for (const { name, message } of ownVerbFaults(Object.keys(all))) {
        context.addIssue({ code: 'custom', path: name === null ? [] : [name], message });
      }
    }),
    inspect: z.strictObject({ url, headers }).nullable().default(null),
    secret: z
      .string()
      .refine(
        isFetched,
        'must be a reference, file:PATH or env:NAME: the secret itself never stands in a manifest',
      )
      .nullable()
      .default(null),
    allowPrivate: z.boolean().default(false),
  })
  .superRefine(({ actions, inspect, allowPrivate }, context) => {
    if (allowPrivate) return;
    const urls: [string[], string][] = Object.entries(actions).map(([name, one]) => [
      ['actions', name, 'url'],
      one.url,
    ]);
    if (inspect !== null) urls.push([['inspect', 'url'], inspect.url]);
    for (const [path, text] of urls) {
      const address = URL.canParse(text) ? literalAddress(new URL(text)) : null;
      if (address === null || isPublicAddress(address)) continue;
      const message = `leads to ${address}, which is not public: say allowPrivate: true, and allow it on the worker`;
      context.addIssue({ code: 'custom', path, message });
    }
  });

/** Runtime `webhook`: HTTP endpoints of a person's own, one per verb. */
export const WEBHOOK_CATALOGUE: RuntimeCatalogue = {
  type: 'webhook',
  schema,
  verbs: [],
  openVerbs: true,
  aliases: {},
};
