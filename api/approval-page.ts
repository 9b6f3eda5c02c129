import type { ActionPlan } from '../domain/action/action';
import type { ApprovalLink } from '../domain/approval-link';
import { personOf } from '../domain/approvers';

/** The pages that a signed link shows: plain HTML, no script, nothing from elsewhere. */

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}
dt{font-weight:600}dd{margin:0 0 .5rem}input{width:100%;padding:.5rem;box-sizing:border-box}
button{font:inherit;padding:.5rem 1.5rem;margin:1rem 1rem 0 0}`;

/** What the person is asked, with a form that sends the token back. Opening it decides nothing. */
export function questionPage(
  { plan, link, deadline }: { plan: ActionPlan; link: ApprovalLink; deadline: number | null },
  token: string,
): string {
  const steps = plan.steps.map(({ action, params }) => `${action} ${paramsText(params)}`.trim());
  const facts: [string, string][] = [
    ['Action', `${steps.join(' → ')} on ${plan.resource}`],
    ['Because', plan.reason],
    ['Asked by', `${plan.requestedBy}, revision ${String(plan.policyRevision)}`],
    ['You decide as', personOf(link.approver) ?? link.approver],
    ['Link ends', new Date(link.expiresAt).toUTCString()],
    ...(deadline === null
      ? []
      : [['Deadline', new Date(deadline).toUTCString()] satisfies [string, string]]),
  ];
  const list = facts.map(([word, text]) => `<dt>${escape(word)}</dt><dd>${escape(text)}</dd>`);
  const decisions = link.decision === null ? (['approve', 'reject'] as const) : [link.decision];
  const buttons = decisions.map(
    (decision) =>
      `<button name="decision" value="${decision}">${decision === 'approve' ? 'Approve' : 'Reject'}</button>`,
  );
  return page(
    `Approve ${plan.resource}?`,
    `<dl>${list.join('')}</dl>
<form method="post"><input type="hidden" name="token" value="${escape(token)}">
<label>Comment <input name="comment" maxlength="1000"></label>${buttons.join('')}</form>`,
  );
}

/** A page that says one thing. */
export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escape(text)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body><h1>${escape(title)}</h1>
${body}</body></html>
`;
}

function paramsText(params: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(params).map(([name, value]) => `${name}=${String(value)}`);
  return pairs.length === 0 ? '' : `(${pairs.join(', ')})`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found);
}
