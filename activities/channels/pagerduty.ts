import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Channel, ToldNotice } from '../../domain/channel';
import type { Severity } from '../../domain/policy/policy';
import { postJson } from './post';
import { address, COMMON, reveal, secret } from './settings';
import { cut, headingOf, lookOf, oneLine } from './words';

/** PagerDuty's Events API v2. */
export const pagerdutySettings = z.strictObject({
  type: z.literal('pagerduty'),
  /** Integration key of a service. */
  routingKey: secret,
  url: address.default('https://events.pagerduty.com/v2/enqueue'),
  ...COMMON,
});

const SEVERITY: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  warning: 'warning',
  info: 'info',
};
/** PagerDuty's limits, characters. */
const SUMMARY = 1024;
const DEDUP_KEY = 255;

export function createPagerdutyChannel(settings: z.output<typeof pagerdutySettings>): Channel {
  return {
    type: 'pagerduty',
    // One event opens or resolves one incident: nothing can be summed up.
    largest: 1,
    refreshMs: null,
    async send({ notices }, signal) {
      const url = await reveal(settings.url);
      const routingKey = await reveal(settings.routingKey);
      for (const notice of notices) {
        const body = JSON.stringify({ routing_key: routingKey, ...eventOf(notice) });
        await postJson({ url, body, signal, secrets: [routingKey, url] });
      }
      return { thread: null };
    },
  };
}

function eventOf(notice: ToldNotice): Record<string, unknown> {
  const dedup = { dedup_key: dedupKey(notice.key) };
  if (notice.isResolved) return { event_action: 'resolve', ...dedup };
  return {
    event_action: 'trigger',
    ...dedup,
    payload: {
      summary: cut(headingOf(notice), SUMMARY),
      source: notice.resource ?? notice.namespace,
      severity: SEVERITY[notice.severity],
      timestamp: new Date(notice.since).toISOString(),
      component: notice.resource ?? undefined,
      group: notice.namespace,
      class: notice.kind,
      custom_details: {
        text: notice.text,
        policy: notice.policy,
        action: notice.actionId,
        look: lookOf(notice),
      },
    },
    client: 'Vigil',
    ...(notice.url === null
      ? {}
      : { client_url: notice.url, links: [{ href: notice.url, text: oneLine(notice.title) }] }),
  };
}

function dedupKey(key: string): string {
  return key.length <= DEDUP_KEY ? key : createHash('sha256').update(key).digest('hex');
}
