import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  LINK_LIFETIME_MS,
  LINK_PURPOSE,
  linkFromText,
  linkText,
  linkUrl,
  type ApprovalLink,
} from '../../domain/approval-link';
import { refusalToDecide } from '../../domain/approvers';
import { duration } from '../../platform/config-sections';
import { openToken, signToken } from '../../platform/signed-token';
import { asksPeople, findLinkUse, loadDeciders } from '../../storage/approvals';
import { findAsked } from '../../storage/approvals-read';
import { messagePage, questionPage } from '../approval-page';
import { approvalKey, sendDecision } from '../commands';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { conflict, HttpProblem, notFound, unprocessable } from '../problems';
import { timeAnswer, toTime } from '../times';
import { approverOf } from '../approver';

const TAGS = ['approvals'];
const FORM = 'application/x-www-form-urlencoded';
const uuid = z.uuid();
const decision = z.enum(['approve', 'reject']);
const token = z.string().min(1).max(4000);

const linkBody = z.strictObject({
  approver: z.string().trim().min(1).max(200).describe('who decides with it'),
  decision: decision.optional().describe('absent: the page lets the person choose'),
  lifetime: duration.default(LINK_LIFETIME_MS).describe('never beyond the deadline'),
});

const linkAnswer = z.object({
  url: z.string(),
  token: z.string(),
  approver: z.string(),
  decision: decision.nullable(),
  expiresAt: timeAnswer,
});

const useBody = z.object({
  token,
  decision: decision.optional(),
  comment: z.string().trim().max(1000).optional(),
});

/** Signed links that let one person decide once; whoever holds one needs nothing else. */
export function approvalLinkRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    });

    app.post(
      '/actions/:id/links',
      {
        schema: {
          tags: TAGS,
          summary: 'Make a link that lets one person decide once',
          params: z.object({ id: z.string().describe('UUID') }),
          body: linkBody,
          response: { 201: linkAnswer },
        },
      },
      async ({ params, body, actor, protocol, host }, reply) => {
        const base = deps.config.publicUrl ?? `${protocol}://${host}`;
        const link = await makeLink(deps, params.id, { ...body, madeBy: actor });
        const key = await approvalKey(deps);
        const signed = signToken({ key, purpose: LINK_PURPOSE }, linkText(link));
        const { approver, decision: chosen, expiresAt } = link;
        const url = linkUrl(base, signed);
        const answer = { url, token: signed, approver, decision: chosen };
        return reply.code(201).send({ ...answer, expiresAt: toTime(expiresAt) });
      },
    );

    app.get(
      '/approve',
      {
        schema: {
          tags: TAGS,
          summary: 'The page of a link; opening it decides nothing',
          querystring: z.object({ token }),
        },
      },
      async ({ query }, reply) => {
        const shown = await asPage('Approval', async () => {
          const link = await openLink(deps, query.token);
          const asked = await waitingFor(deps, link.actionId);
          return { status: 200, html: questionPage({ ...asked, link }, query.token) };
        });
        return sendPage(reply, shown);
      },
    );

    app.post(
      '/approve',
      {
        schema: {
          tags: TAGS,
          summary: 'Decide with a link: JSON, or the form of its page',
          body: useBody,
        },
      },
      async ({ body, headers, id }, reply) => {
        if (headers['content-type']?.startsWith(FORM) !== true) {
          return { ok: true as const, ...(await decideByLink(deps, body, id)) };
        }
        const shown = await asPage('Not decided', async () => {
          const { state, approver } = await decideByLink(deps, body, id);
          return {
            status: 200,
            html: messagePage(`Thank you: ${state}`, saidText(state, approver)),
          };
        });
        return sendPage(reply, shown);
      },
    );
  });
}

interface Page {
  status: number;
  html: string;
}

/** Whoever follows a link reads pages, not problems. */
async function asPage(title: string, work: () => Promise<Page>): Promise<Page> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    return { status: error.status, html: messagePage(title, error.message) };
  }
}

interface PageReply {
  code: (status: number) => PageReply;
  headers: (values: Record<string, string>) => PageReply;
  send: (html: string) => unknown;
}

function sendPage(reply: PageReply, { status, html }: Page): unknown {
  return reply
    .code(status)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // With `no-referrer` browsers send the form as if from nowhere, and it is refused as foreign.
      'referrer-policy': 'same-origin',
    })
    .send(html);
}

function saidText(state: string, approver: string): string {
  const more = state === 'waiting' ? ' More people must say yes before it runs.' : '';
  return `The decision of ${approver} is recorded.${more}`;
}

async function makeLink(
  deps: ApiDeps,
  actionId: string,
  wanted: z.output<typeof linkBody> & { madeBy: string },
): Promise<ApprovalLink> {
  const { plan, deadline } = await waitingFor(deps, actionId);
  const approver = approverOf(wanted.approver);
  if (!asksPeople(plan)) throw conflict('the action does not ask for approval');
  const deciders = await loadDeciders(deps.pool, plan);
  const voice = { actor: approver, isSigned: true, through: wanted.madeBy };
  const refusal = refusalToDecide(wanted.decision ?? 'reject', voice, deciders);
  if (refusal !== null) throw conflict(refusal);
  const latest = deps.now() + wanted.lifetime;
  return {
    actionId,
    approver,
    decision: wanted.decision ?? null,
    expiresAt: Math.floor(Math.min(latest, deadline ?? latest)),
    nonce: randomUUID(),
    madeBy: wanted.madeBy,
  };
}

/** The action while it waits for people; 404 or 409 otherwise. */
async function waitingFor(
  { pool }: ApiDeps,
  actionId: string,
): Promise<NonNullable<Awaited<ReturnType<typeof findAsked>>>> {
  const asked = uuid.safeParse(actionId).success ? await findAsked(pool, actionId) : null;
  if (asked === null) throw notFound(`there is no action ${actionId}`);
  if (asked.state !== 'awaiting_approval') {
    throw conflict(`the action waits for no decision: it is ${asked.state}`);
  }
  return asked;
}

/** What a token says, if it is ours, still alive and unused. */
async function openLink(deps: ApiDeps, given: string): Promise<ApprovalLink> {
  const text = openToken({ key: await approvalKey(deps), purpose: LINK_PURPOSE }, given);
  if (text === null) throw new HttpProblem(403, 'this link was not made here, or was altered');
  const link = linkFromText(text);
  const used = await findLinkUse(deps.pool, link.nonce);
  if (used !== null) {
    throw new HttpProblem(410, `this link was used at ${toTime(used.usedAt)}: it works once`);
  }
  if (link.expiresAt <= deps.now()) {
    throw new HttpProblem(410, `this link ended at ${toTime(link.expiresAt)}`);
  }
  return link;
}

async function decideByLink(
  deps: ApiDeps,
  given: z.output<typeof useBody>,
  requestId: string,
): Promise<{ state: string; approver: string }> {
  const link = await openLink(deps, given.token);
  const chosen = link.decision ?? given.decision;
  if (chosen === undefined || (given.decision !== undefined && given.decision !== chosen)) {
    const message = link.decision === null ? 'approve or reject' : `this link can ${link.decision}`;
    throw unprocessable('the decision is missing, or not the one of the link', [
      { field: 'decision', message },
    ]);
  }
  const { actionId, approver, nonce, madeBy } = link;
  await waitingFor(deps, actionId);
  const { state } = await sendDecision(deps, actionId, {
    decision: chosen,
    approver,
    comment: given.comment === undefined || given.comment === '' ? null : given.comment,
    correlationId: requestId,
    link: { nonce, madeBy },
  });
  return { state, approver };
}
