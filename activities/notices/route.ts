import type { Notice } from '../../domain/notice';
import { matchesGlob } from '../../domain/policy/targets';
import type { GroupLabel, NoticeSettings, Route } from './settings';

/** That a channel is to tell a notice, and how. */
export interface Target {
  channel: string;
  /** Notices of one channel with the same key may share a message. */
  groupKey: string;
  waitMs: number;
  /** Null: told once. */
  repeatMs: number | null;
}

/**
 * Who tells a notice: the channel it names, if there is one, else every channel of every route
 * that matches, by the first such route; without routes, all channels.
 */
export function targetsOf(
  notice: Notice,
  { channels, routes }: Pick<NoticeSettings, 'channels' | 'routes'>,
): Target[] {
  const named = notice.channel ?? null;
  if (named !== null && named in channels) {
    return [{ channel: named, groupKey: notice.key, waitMs: 0, repeatMs: null }];
  }
  const found = new Map<string, Target>();
  for (const route of routes.length > 0 ? routes : everything(Object.keys(channels))) {
    if (!matches(route, notice)) continue;
    for (const channel of route.channels) {
      if (!found.has(channel)) found.set(channel, targetOf(channel, route, notice));
    }
  }
  return [...found.values()];
}

function everything(channels: string[]): Route[] {
  return [{ match: {}, channels, groupBy: ['namespace', 'kind'], wait: 5000 }];
}

function matches({ match }: Route, notice: Notice): boolean {
  const { kind, severity, namespace, policy } = match;
  return (
    (kind?.includes(notice.kind) ?? true) &&
    (severity?.includes(notice.severity) ?? true) &&
    (namespace === undefined || matchesGlob(namespace, notice.namespace)) &&
    (policy === undefined || matchesGlob(policy, notice.policy ?? ''))
  );
}

function targetOf(channel: string, route: Route, notice: Notice): Target {
  const valueOf = (label: GroupLabel): string | null => notice[label];
  return {
    channel,
    groupKey: JSON.stringify(route.groupBy.map(valueOf)),
    waitMs: route.wait,
    repeatMs: route.repeat ?? null,
  };
}
