import type { Command } from 'commander';
import { Action, ActionStory, listOf, type AuditRow } from '../answers';
import { findAction } from '../find-action';
import { usageError } from '../failure';
import { clock, collect, fullKey, rowText, span, table, talksToApi } from '../output';

export function register(program: Command): void {
  const actions = program.command('actions').description('what Vigil did, and what it is doing');
  talksToApi(
    actions
      .command('list', { isDefault: true })
      .description('the newest actions first')
      .option('--resource <resource>', 'only of this resource')
      .option('--policy <policy>', 'only for this policy (namespace/name)')
      .option('--state <state>', 'only in this state, e.g. awaiting_approval')
      .option('--outcome <outcome>', 'only with this outcome')
      .option('--limit <n>', 'how many', '20'),
    async ({ api, options, show }) => {
      const resource = options.text('resource');
      const answer = await api.get('/actions', listOf(Action), {
        resource: resource === undefined ? undefined : fullKey(resource),
        policy: options.text('policy'),
        state: options.text('state'),
        outcome: options.text('outcome'),
        limit: options.text('limit'),
      });
      show(answer, () => renderActions(answer.items));
    },
  );
  talksToApi(
    actions
      .command('show')
      .description('the story of one action: every audit row, in order')
      .argument('<id>', 'id of the action, or its first characters'),
    async ({ api, args: [given = ''], show }) => {
      const id = await findAction(api, given);
      const story = await api.get(`/actions/${id}`, ActionStory);
      show(story, () => renderStory(story));
    },
  );
  registerAct(program);
}

function registerAct(program: Command): void {
  talksToApi(
    program
      .command('act')
      .description('ask for an action by hand; it is gated, verified and audited like any other')
      .argument('<target>', 'name, or namespace/name')
      .argument('<action>', 'the verb, e.g. restart')
      .option('--param <key=value>', 'a parameter of the verb (repeatable)', collect, [])
      .option('--reason <text>', 'why; it lands in the audit trail')
      .option('--dry-run', 'everything but the effect')
      .option('--force', 'go through pause, cooldown and limits'),
    async ({ api, args: [target = '', action = ''], options, show }) => {
      const answer = await api.send(
        {
          method: 'POST',
          path: '/actions',
          json: {
            target,
            action,
            params: parseParams(options.list('param')),
            reason: options.text('reason'),
            dryRun: options.flag('dryRun'),
            force: options.flag('force'),
          },
        },
        Action,
      );
      show(answer, () => [
        `action ${answer.id} on ${answer.resource} is ${answer.state}`,
        `follow it with ./vigil actions show ${shortId(answer.id)}`,
      ]);
    },
  );
}

/** `k=v` → typed parameters: numbers and booleans lose their quotes, everything else is text. */
export function parseParams(pairs: readonly string[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw usageError(`--param ${pair}: write --param name=value`);
      return [pair.slice(0, equals), typed(pair.slice(equals + 1))];
    }),
  );
}

function typed(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function shortId(id: string): string {
  return id.slice(0, 8);
}

function stepsOf(action: Action): string {
  return action.steps.map((step) => step.action).join(' → ');
}

export function renderActions(actions: readonly Action[]): string[] {
  const rows = actions.map((action) => [
    shortId(action.id),
    clock(action.requestedAt),
    action.resource,
    stepsOf(action),
    action.outcome ?? action.state,
    action.policy ?? `by hand (${action.requestedBy})`,
  ]);
  const header = ['ID', 'REQUESTED (UTC)', 'RESOURCE', 'STEPS', 'OUTCOME', 'POLICY'];
  return table(header, rows, 'no actions yet');
}

export function renderStory(story: ActionStory): string[] {
  const start = Date.parse(story.requestedAt);
  const outcome = story.outcome ?? story.state;
  const reason = story.outcomeReason === null ? '' : ` (${story.outcomeReason})`;
  const deadline =
    story.state === 'awaiting_approval' && story.approvalDeadline
      ? [
          `waits for a yes until ${clock(story.approvalDeadline)}: ./vigil approve ${shortId(story.id)}`,
        ]
      : [];
  return [
    `action ${story.id}${story.dryRun ? ' (dry run)' : ''}`,
    `  ${stepsOf(story)} on ${story.resource}, asked by ${story.requestedBy}${story.reason ? `: ${story.reason}` : ''}`,
    `  ${outcome}${reason}${took(story)}`,
    ...deadline.map((line) => `  ${line}`),
    ...(story.workflow?.url ? [`  ${story.workflow.url}`] : []),
    '',
    ...story.audit.map((row) => renderRow(row, start)),
  ];
}

function took({ requestedAt, recordedAt }: ActionStory): string {
  if (recordedAt === null) return '';
  return ` after ${span(Date.parse(recordedAt) - Date.parse(requestedAt))}`;
}

/** One audit row as one line; `startMs`: epoch ms from which the seconds in it count. */
export function renderRow(row: AuditRow, startMs: number): string {
  const seconds = ((Date.parse(row.at) - startMs) / 1000).toFixed(1);
  const offset = `${seconds.startsWith('-') ? '' : '+'}${seconds}s`.padStart(9);
  return `${clock(row.at)} ${offset}  ${rowText(row)}`;
}
