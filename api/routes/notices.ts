import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Notice } from '../../domain/notice';
import { NOTICE_KINDS } from '../../domain/notice';
import { SEVERITIES } from '../../domain/policy/policy';
import { DEFAULT_NAMESPACE } from '../../domain/resource';
import { insertAudit } from '../../storage/audit';
import { inTransaction } from '../../storage/database';
import { insertNotice } from '../../storage/notices';
import { getNotice, listChannels, listNotices, type NoticeRow } from '../../storage/notices-read';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { timeAnswer, toTime } from '../times';

const TAGS = ['notices'];

const deliveryAnswer = z.object({
  channel: z.string(),
  state: z
    .enum(['waiting', 'sent', 'given_up', 'dropped'])
    .describe('dropped: its incident ended before it was told'),
  attempts: z.number(),
  sentAt: timeAnswer.nullable(),
  dueAt: timeAnswer.nullable().describe('when it is tried next, while it waits'),
  error: z.string().nullable().describe('of the last try that failed'),
});

const noticeAnswer = z.object({
  id: z.number(),
  kind: z.enum(NOTICE_KINDS),
  key: z.string().describe('notices of one key are one incident'),
  namespace: z.string(),
  resource: z.string().nullable(),
  policy: z.string().nullable(),
  actionId: z.string().nullable(),
  severity: z.enum(SEVERITIES),
  title: z.string(),
  text: z.string(),
  isResolved: z.boolean().describe('it ended an incident'),
  isOpen: z.boolean().describe('its incident stands'),
  at: timeAnswer,
  closedAt: timeAnswer.nullable(),
  deliveries: z.array(deliveryAnswer),
});

/** What people were told, by which channel, and a way to try a channel. */
export function noticeRoutes({ pool }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/notices',
      {
        schema: {
          tags: TAGS,
          summary: 'Notices, newest first, with what became of each on each channel',
          querystring: z.object({
            kind: z.enum(NOTICE_KINDS).optional(),
            open: z.enum(['true', 'false']).optional().describe('only incidents that stand'),
            ...pageQuery,
          }),
          response: { 200: pageOf(noticeAnswer) },
        },
      },
      async ({ query }) => {
        const isOpen = query.open === undefined ? null : query.open === 'true';
        const before = readCursor(query.cursor, z.int());
        const rows = await listNotices(
          pool,
          { kind: query.kind ?? null, isOpen },
          { before, limit: query.limit + 1 },
        );
        return toPage(rows, query.limit, { itemOf: toAnswer, placeOf: (row) => row.id });
      },
    );

    app.get(
      '/notices/:id',
      {
        schema: {
          tags: TAGS,
          summary: 'One notice',
          params: z.object({ id: z.coerce.number().int().min(1) }),
          response: { 200: noticeAnswer },
        },
      },
      async ({ params }) => {
        const row = await getNotice(pool, params.id);
        if (row === null) throw notFound(`there is no notice ${params.id}`);
        return toAnswer(row);
      },
    );

    app.post(
      '/notices/test',
      {
        schema: {
          tags: TAGS,
          summary: 'Tell a word by one channel, to see that it arrives',
          body: z.strictObject({ channel: z.string().min(1).max(100) }),
          response: { 202: noticeAnswer },
        },
      },
      async ({ body, actor, id: requestId }, reply) => {
        const row = await writeTest(pool, body.channel, { actor, requestId });
        return reply.status(202).send(toAnswer(row));
      },
    );
  });
}

async function writeTest(
  pool: ApiDeps['pool'],
  channel: string,
  asker: { actor: string; requestId: string },
): Promise<NoticeRow> {
  const known = await listChannels(pool);
  if (!known.includes(channel)) {
    const names = known.length === 0 ? 'none' : known.join(', ');
    throw notFound(`no worker has a channel "${channel}"; known: ${names}`);
  }
  return inTransaction(pool, async (db) => {
    const id = await insertNotice(db, testNotice(channel, asker.actor));
    const row = id === null ? null : await getNotice(db, id);
    if (row === null) throw new Error('the notice that was just written is gone');
    await insertAudit(db, [
      {
        ...{ namespace: DEFAULT_NAMESPACE, resource: null, policy: null, actionId: null, step: -1 },
        ...{ event: 'notified', actor: asker.actor, door: 'api' },
        ...{ correlationId: asker.requestId, policyRevision: null },
        details: { kind: 'test', channel },
      },
    ]);
    return row;
  });
}

function testNotice(channel: string, actor: string): Notice {
  return {
    kind: 'test',
    key: `test:${randomUUID()}`,
    namespace: DEFAULT_NAMESPACE,
    ...{ resource: null, policy: null, actionId: null },
    severity: 'info',
    title: `a test of channel ${channel}`,
    text: `${actor} wants to see whether this arrives. Nothing is wrong.`,
    isResolved: false,
    channel,
  };
}

function toAnswer({ state, at, closedAt, ...row }: NoticeRow): z.output<typeof noticeAnswer> {
  return {
    ...row,
    isOpen: !row.isResolved && (state === 'new' || state === 'open'),
    at: toTime(at),
    closedAt: closedAt === null ? null : toTime(closedAt),
  };
}
