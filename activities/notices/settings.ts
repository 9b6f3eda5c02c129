import { z } from 'zod';
import { NOTICE_KINDS } from '../../domain/notice';
import { SEVERITIES } from '../../domain/policy/policy';
import { duration } from '../../platform/config-sections';
import { channelSettings } from '../channels/table';

const GROUP_LABELS = ['namespace', 'kind', 'severity', 'policy', 'resource'] as const;
export type GroupLabel = (typeof GROUP_LABELS)[number];

/** From the environment it comes as JSON. */
function orJson<S extends z.ZodType>(schema: S) {
  return z.preprocess((given, context) => {
    if (typeof given !== 'string') return given;
    try {
      return JSON.parse(given) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'is no JSON' });
      return z.NEVER;
    }
  }, schema);
}

function oneOrMore<S extends z.ZodType>(one: S) {
  return z.union([one.transform((value) => [value]), z.array(one).min(1)]);
}

const match = z.strictObject({
  kind: oneOrMore(z.enum(NOTICE_KINDS)).optional(),
  severity: oneOrMore(z.enum(SEVERITIES)).optional(),
  /** Globs. */
  namespace: z.string().optional(),
  policy: z.string().optional(),
});

const routeSchema = z.strictObject({
  /** What of a notice is absent here may be anything. */
  match: match.prefault({}),
  channels: z.array(z.string()).min(1),
  /** What comes within `wait` and is alike in these goes out in one message. */
  groupBy: z.array(z.enum(GROUP_LABELS)).default(['namespace', 'kind']),
  wait: duration.prefault('5s'),
  /** An incident that stands is told again so often; absent: told once. */
  repeat: duration.optional(),
});
export type Route = z.output<typeof routeSchema>;

/** The fields of section `worker` about telling people. */
export const NOTICE_FIELDS = {
  /** Channels by name. */
  channels: orJson(
    z.record(
      z
        .string()
        .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a channel is named by small letters, digits, - and _'),
      channelSettings,
    ),
  ).default({}),
  /** Every route that matches tells; without any, all channels tell everything. */
  routes: orJson(z.array(routeSchema)).default([]),
  notices: z
    .strictObject({
      /** People are told of what is held longer than that. */
      heldAfter: duration.prefault('10m'),
      /** A notice that could not be told for so long is given up. */
      giveUpAfter: duration.prefault('24h'),
      /** Notices older than that are dropped once their incident is over. */
      retention: duration.prefault('30d'),
    })
    .prefault({}),
  /** Base of Temporal's Web UI, for links in notices. */
  uiUrl: z.url().optional(),
};

export type NoticeSettings = z.output<z.ZodObject<typeof NOTICE_FIELDS>>;

/** Every channel that a route names is one of those configured. */
export function checkRoutes(
  { channels, routes }: Pick<NoticeSettings, 'channels' | 'routes'>,
  context: z.RefinementCtx,
): void {
  const known = Object.keys(channels);
  for (const [r, route] of routes.entries()) {
    for (const [c, name] of route.channels.entries()) {
      if (known.includes(name)) continue;
      context.addIssue({
        code: 'custom',
        path: ['routes', r, 'channels', c],
        message: `no channel "${name}" is configured; known: ${known.join(', ') || 'none'}`,
      });
    }
  }
}
