import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import type { Push } from '../sources/source';

/** Who may say that a repository changed. */
export const SENDERS = ['github', 'gitlab', 'generic'] as const;
export type SenderName = (typeof SENDERS)[number];

export interface Delivery {
  headers: IncomingHttpHeaders;
  /** The body as it came: signatures are over its bytes. */
  raw: Buffer;
  /** Epoch ms. */
  now: number;
}

export interface Sender {
  /** Null: it is from whoever has the key; else why it is not believed. */
  refusal: (delivery: Delivery, secret: string) => string | null;
  /** What the body says; null: another event, about which there is nothing to do. */
  pushOf: (delivery: Delivery) => Push | null;
}

const REPLAY_WINDOW_MS = 300_000;

/** How each of them proves who it is, and what its bodies mean. */
export const SENDER: Readonly<Record<SenderName, Sender>> = {
  // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
  github: {
    refusal: ({ headers, raw }, secret) =>
      signatureRefusal(headers, 'x-hub-signature-256', { secret, signed: raw }),
    pushOf(delivery) {
      const event = header(delivery, 'x-github-event');
      if (!['push', 'create', 'delete'].includes(event)) return null;
      const body = githubBody(delivery);
      const repository = record(body['repository']);
      const urls = texts(repository, ['clone_url', 'ssh_url', 'git_url', 'html_url']);
      const ref = text(body, 'ref');
      return { urls, ref: event === 'push' ? ref : null };
    },
  },
  // https://docs.gitlab.com/user/project/integrations/webhooks/
  gitlab: {
    refusal({ headers }, secret) {
      const given = headers['x-gitlab-token'];
      if (typeof given !== 'string') return 'the header X-Gitlab-Token is missing';
      return isSame(given, secret) ? null : 'the header X-Gitlab-Token is wrong';
    },
    pushOf(delivery) {
      const event = header(delivery, 'x-gitlab-event');
      if (!['Push Hook', 'Tag Push Hook'].includes(event)) return null;
      const body = json(delivery.raw);
      const urls = texts(record(body['project']), ['git_http_url', 'git_ssh_url', 'web_url']);
      return { urls, ref: text(body, 'ref') };
    },
  },
  generic: {
    refusal({ headers, raw, now }, secret) {
      const stamp = headers['x-vigil-timestamp'];
      if (typeof stamp !== 'string' || !/^\d+$/.test(stamp)) {
        return 'the header X-Vigil-Timestamp must be in seconds since 1970';
      }
      if (Math.abs(now - Number(stamp) * 1000) > REPLAY_WINDOW_MS) {
        return 'the header X-Vigil-Timestamp is more than 5 minutes off';
      }
      const signed = Buffer.concat([Buffer.from(`${stamp}.`), raw]);
      return signatureRefusal(headers, 'x-vigil-signature', { secret, signed });
    },
    pushOf({ raw }) {
      const body = raw.length === 0 ? {} : json(raw);
      const url = textIfAny(body, 'url');
      return { urls: url === null ? [] : [url], ref: textIfAny(body, 'ref') };
    },
  },
};

/** A body that cannot be read; the message says what is wrong with it. */
export class BodyError extends Error {
  override name = 'BodyError';
}

/** Read anew for each delivery, so that it can be changed without a restart. */
export async function readSecret(file: string): Promise<string> {
  const secret = (await readFile(file, 'utf8')).trim();
  if (secret === '') throw new Error(`the key file ${file} is empty`);
  return secret;
}

function signatureRefusal(
  headers: IncomingHttpHeaders,
  name: string,
  { secret, signed }: { secret: string; signed: Buffer },
): string | null {
  const given = headers[name];
  if (typeof given !== 'string') return `the header ${name} is missing`;
  const expected = `sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`;
  return isSame(given, expected) ? null : `the signature in ${name} is wrong`;
}

/** In time that does not depend on where they differ, nor on how long the right one is. */
function isSame(given: string, expected: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** GitHub sends JSON, or a form whose field `payload` is JSON. */
function githubBody(delivery: Delivery): Record<string, unknown> {
  const isForm = header(delivery, 'content-type').startsWith('application/x-www-form-urlencoded');
  if (!isForm) return json(delivery.raw);
  const payload = new URLSearchParams(delivery.raw.toString('utf8')).get('payload');
  if (payload === null) throw new BodyError('the form has no field "payload"');
  return json(Buffer.from(payload));
}

/** What says nothing makes every source look: a body that cannot say anything is a mistake. */
function json(raw: Buffer): Record<string, unknown> {
  const value = parsed(raw);
  if (!isRecord(value)) throw new BodyError('the body must be a JSON object');
  return value;
}

function parsed(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch (cause) {
    throw new BodyError('the body is no JSON', { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function header({ headers }: Delivery, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function text(body: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = body[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** As `text`, of a field that may be missing, and may not be of another type. */
function textIfAny(body: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = body[name];
  if (value !== undefined && typeof value !== 'string')
    throw new BodyError(`"${name}" must be a string`);
  return text(body, name);
}

function texts(body: Readonly<Record<string, unknown>>, names: readonly string[]): string[] {
  return names.flatMap((name) => text(body, name) ?? []);
}
