import { z } from 'zod';
import type { Channel, ToldNotice } from '../../domain/channel';
import { postJson } from './post';
import { address, COMMON, reveal, secret } from './settings';
import { bodyOf, oneLine } from './words';

/** Prometheus' Alertmanager, by its API v2. */
export const alertmanagerSettings = z.strictObject({
  type: z.literal('alertmanager'),
  /** Base, without /api/v2. */
  url: address,
  /** Value of the header Authorization. */
  authorization: secret.optional(),
  ...COMMON,
});

/** As Prometheus does: told each minute, and over by itself when four times nothing was heard. */
const REFRESH_MS = 60_000;
const FORGOTTEN_AFTER_MS = 5 * REFRESH_MS;

export function createAlertmanagerChannel(
  settings: z.output<typeof alertmanagerSettings>,
  { now }: { now: () => number },
): Channel {
  return {
    type: 'alertmanager',
    largest: 500,
    refreshMs: REFRESH_MS,
    async send(message, signal) {
      const base = await reveal(settings.url);
      const authorization =
        settings.authorization === undefined ? null : await reveal(settings.authorization);
      await postJson({
        url: `${base.replace(/\/+$/, '')}/api/v2/alerts`,
        body: JSON.stringify(message.notices.map((notice) => alertOf(notice, now()))),
        headers: authorization === null ? {} : { authorization },
        signal,
        secrets: [base, authorization].filter((s) => s !== null),
      });
      return { thread: null };
    },
  };
}

/** The labels are the alert's identity: they are the incident's, never of one of its words. */
function alertOf(notice: ToldNotice, now: number): Record<string, unknown> {
  const endsAt = notice.isResolved ? notice.at : now + FORGOTTEN_AFTER_MS;
  return {
    labels: {
      alertname: `Vigil${pascal(notice.kind)}`,
      severity: notice.severity,
      namespace: notice.namespace,
      incident: notice.key,
      ...(notice.resource === null ? {} : { resource: notice.resource }),
      ...(notice.policy === null ? {} : { policy: notice.policy }),
    },
    annotations: { summary: oneLine(notice.title), description: bodyOf(notice).join('\n') },
    startsAt: new Date(notice.since).toISOString(),
    endsAt: new Date(Math.max(endsAt, notice.since)).toISOString(),
    ...(notice.url === null ? {} : { generatorURL: notice.url }),
  };
}

function pascal(words: string): string {
  return words.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}
