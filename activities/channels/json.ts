import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Channel, ToldNotice } from '../../domain/channel';
import { postJson } from './post';
import { address, COMMON, reveal, secret } from './settings';
import { lookOf } from './words';

/** Any receiver of JSON over HTTP. */
export const jsonSettings = z.strictObject({
  type: z.literal('json'),
  url: address,
  /** Key of the signature. */
  secret: secret.optional(),
  /** Value of the header Authorization. */
  authorization: secret.optional(),
  ...COMMON,
});

export function createJsonChannel(
  settings: z.output<typeof jsonSettings>,
  { now }: { now: () => number },
): Channel {
  return {
    type: 'json',
    largest: 500,
    refreshMs: null,
    async send(message, signal) {
      const url = await reveal(settings.url);
      const key = settings.secret === undefined ? null : await reveal(settings.secret);
      const authorization =
        settings.authorization === undefined ? null : await reveal(settings.authorization);
      const notices = message.notices.map(plain);
      const body = JSON.stringify({ version: 1, id: message.id, notices });
      await postJson({
        ...{ url, body, signal },
        headers: {
          'idempotency-key': message.id,
          ...(authorization === null ? {} : { authorization }),
          ...(key === null ? {} : signatureOf(key, body, now())),
        },
        secrets: [settings.url, url, key, authorization].filter((s) => s !== null),
      });
      return { thread: null };
    },
  };
}

/** HMAC-SHA-256 over `<timestamp>.<body>`; the timestamp in whole seconds. */
function signatureOf(key: string, body: string, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const hex = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-vigil-timestamp': timestamp, 'x-vigil-signature': `sha256=${hex}` };
}

function plain(notice: ToldNotice): Record<string, unknown> {
  const { id, kind, key, namespace, resource, policy, actionId, severity } = notice;
  return {
    ...{ id, kind, key, namespace, resource, policy, actionId, severity },
    status: notice.isResolved ? 'resolved' : 'open',
    title: notice.title,
    text: notice.text,
    since: new Date(notice.since).toISOString(),
    at: new Date(notice.at).toISOString(),
    look: lookOf(notice),
    url: notice.url,
    isReminder: notice.isReminder,
  };
}
