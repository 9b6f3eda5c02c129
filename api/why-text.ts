import { sentenceOf } from '../domain/drift/describe';
import { summarise } from './decision-summary';
import { toTime } from './times';
import type { PolicyWhy, Why } from './why';

const WIDTH = 100;
const INDENT = ' '.repeat(6);
const POLICY_LINES = 17;
const DRIFT_LINES = 3;
const PAUSE_LINES = 2;

/** One screen: at most 40 lines of at most 100 columns. Times are UTC. */
export function whyText(why: Why): string[] {
  return [
    `${why.resource.resource}: ${headline(why)}`,
    facts(why),
    ...driftLines(why),
    ...why.pauses.slice(0, PAUSE_LINES).map((one) => pauseLine(one, why.now)),
    ...awayLine(why),
    ...disabledLine(why),
    ...policyLines(why),
    ...decisionLines(why),
  ].map((line) => clip(line, WIDTH));
}

function headline(why: Why): string {
  const { policies, resource, now } = why;
  if (resource.spec === null) {
    return 'only observed; no manifest describes it, so nothing can be done about it';
  }
  const [worst] = policies;
  if (worst === undefined) return 'no policy looks at it';
  const name = shortName(worst.policy);
  const room = WIDTH - `${resource.resource}: ${name} is ${worst.phase}; `.length;
  switch (worst.phase) {
    case 'acting':
      return `${name} is acting on it`;
    case 'firing':
      return `${name} is firing; ${waits(worst, now, room) || 'its action is being asked for'}`;
    case 'pending':
      return `${name} is pending; ${waits(worst, now, room) || 'it may clear by itself'}`;
    case 'cooldown':
      return `quiet after an action; ${name} cools down${worst.until === null ? '' : ` ${deadline(worst.until, now)}`}`;
    case 'unknown':
    case 'inactive':
      return byVerdicts(why);
  }
}

/** What the samples say when no phase says more. */
function byVerdicts({ policies }: Why): string {
  const of = (value: string): PolicyWhy[] =>
    policies.filter(({ assessed }) => assessed.verdict.verdict === value);
  const wrong = of('true').map(({ policy }) => shortName(policy));
  if (wrong.length > 0)
    return `wrong by ${wrong.join(', ')}; its workflow was not seen at work yet`;
  const unknown = of('unknown').length;
  if (unknown === 0) return `nothing is wrong: no condition of ${policies.length} is true`;
  return `nothing is known to be wrong; ${unknown} of ${policies.length} conditions lack data`;
}

function facts({ resource, now }: Why): string {
  const { spec, observed, host } = resource;
  const parts = [
    spec === null ? null : `runtime ${spec.runtime.type}${host === null ? '' : ` on ${host}`}`,
    spec === null ? null : `revision ${resource.revision}`,
    observed === null ? null : observed.isRunning ? 'running' : 'not running',
    observed === null ? null : `seen ${span(now - observed.observedAt)} ago`,
    `now ${clock(now, now)} UTC`,
  ];
  return `  ${parts.filter((part) => part !== null).join(' · ')}`;
}

/** What differs, since when, and by whom where somebody told. */
function driftLines({ drift, resource, now }: Why): string[] {
  const lines = drift.map((row) => {
    const { attribution, onset } = row;
    const by =
      attribution === null
        ? ''
        : `, ${[attribution.by, attribution.what].filter((one) => one !== null).join(': ')}`;
    return `  drift: ${sentenceOf(row)}, since ${clock(onset, now)}${by}`;
  });
  const count = Math.max(resource.driftCount, lines.length);
  if (count <= DRIFT_LINES) return lines;
  const shown = DRIFT_LINES - 1;
  return [...lines.slice(0, shown), `  and ${count - shown} more differences: vigil drift`];
}

function pauseLine({ scope, actor, reason, until }: Why['pauses'][number], now: number): string {
  const what = scope === '*' ? 'everything' : scope;
  return `  PAUSED (${what}) by ${actor}, ${until === null ? 'until resumed' : deadline(until, now)}: ${reason}`;
}

function awayLine({ workflow }: Why): string[] {
  if (workflow.kind !== 'away') return [];
  return [`  Temporal gives no answer, so phases are unknown: ${workflow.reason}`];
}

function disabledLine({ disabled }: Why): string[] {
  return disabled.length === 0 ? [] : [`  disabled: ${disabled.map(shortName).join(', ')}`];
}

function policyLines({ policies, now }: Why): string[] {
  if (policies.length === 0) return [];
  const width = Math.min(30, Math.max(...policies.map(({ policy }) => shortName(policy).length)));
  const lines: string[] = [];
  let shown = 0;
  for (const one of policies) {
    const block = policyBlock(one, width, now);
    if (lines.length + block.length > POLICY_LINES - 1) break;
    lines.push(...block);
    shown += 1;
  }
  const more = policies.length - shown;
  return ['', 'Policies', ...lines, ...(more > 0 ? [`  and ${more} more`] : [])];
}

function policyBlock(one: PolicyWhy, width: number, now: number): string[] {
  const { policy, phase, mode, assessed, attempts, maxAttempts, actionId } = one;
  const name = shortName(policy).padEnd(width);
  const dryRun = mode === 'dry-run' ? '  dry-run: everything but the effect' : '';
  const lines = [
    `  ${name}  ${phase.padEnd(8)}  ${assessed.policy.severity}${dryRun}`,
    `${INDENT}${assessed.explanation}`,
  ];
  lines.push(...waitingLines(one, now));
  const counted = attempts > 0 ? attemptsText(attempts, maxAttempts) : '';
  const action = actionId === null ? '' : `action ${actionId}`;
  const rest = [counted, action].filter((part) => part !== '').join(', ');
  if (rest !== '') lines.push(`${INDENT}${rest}`);
  return lines;
}

function attemptsText(attempts: number, max: number | null): string {
  return max === null ? `${attempts} attempts failed` : `${attempts} of ${max} attempts used`;
}

/** What it waits for and until when; on two lines where one would cut that off. */
function waitingLines(one: PolicyWhy, now: number): string[] {
  const parts = waitParts(one, now);
  const line = parts.join(', ');
  if (line === '') return [];
  if (line.length <= WIDTH - INDENT.length) return [`${INDENT}${line}`];
  return parts.map((part) => `${INDENT}${part}`);
}

/** The same within so many columns: what it waits for is cut, until when is not; '' when for nothing. */
function waits(one: PolicyWhy, now: number, room: number): string {
  const [what, ...rest] = waitParts(one, now);
  if (what === undefined) return '';
  const until = rest.map((part) => `, ${part}`).join('');
  return `${clip(what, Math.max(1, room - until.length))}${until}`;
}

function waitParts({ held, waitsFor, until }: PolicyWhy, now: number): string[] {
  const lifts = held === null ? until : (held.until ?? until);
  const when = lifts === null ? [] : [deadline(lifts, now)];
  if (held !== null) return [`held back by ${held.gate}: ${held.detail}`, ...when];
  return waitsFor === null ? [] : [`waits for ${waitsFor}`, ...when];
}

function decisionLines({ decisions, now }: Why): string[] {
  if (decisions.length === 0) return ['', 'Nothing was decided about it yet'];
  const names = decisions.map(({ policy }) => (policy === null ? '' : shortName(policy)));
  const width = Math.min(24, Math.max(...names.map((name) => name.length)));
  const lines = decisions.map((row, i) => {
    const name = (names[i] ?? '').padEnd(width);
    return `  ${clock(row.at, now)}  ${width === 0 ? '' : `${name}  `}${summarise(row)}`;
  });
  return ['', 'Last decisions, newest first', ...lines];
}

/** `until 12:04:10 (in 50s)`. */
function deadline(until: number, now: number): string {
  return `until ${clock(until, now)} (${until <= now ? 'now' : `in ${span(until - now)}`})`;
}

/** `2h 5m`, `4m 37s`, `9s`: the two largest units. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h ${m}m`;
  return m > 0 ? `${m}m ${s}s` : `${s}s`;
}

/** `12:03:10`, with the date when that is another day than now's. */
function clock(at: number, now: number): string {
  const [day, time = ''] = toTime(at).split('T');
  const short = time.slice(0, 8);
  return toTime(now).startsWith(`${day ?? ''}T`) ? short : `${day ?? ''} ${short}`;
}

function shortName(policy: string): string {
  return policy.slice(policy.indexOf('/') + 1);
}

function clip(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}
