import type { AuditEventName } from '../domain/audit';
import type { AuditRow } from '../storage/audit-read';

type Details = AuditRow['details'];

/** One line of an audit row for people, without its time and policy. */
export function summarise({ event, actor, details }: AuditRow): string {
  const words = SUMMARIES[event as AuditEventName] as
    ((d: Details, by: string) => string) | undefined;
  return (words?.(details, actor) ?? event).replaceAll(/\s+/g, ' ').trim();
}

const SUMMARIES: Record<AuditEventName, (details: Details, actor: string) => string> = {
  firing: (d) => join('the condition held long enough', text(d, 'reason')),
  held: (d) => join(`held back by ${text(d, 'gate')}`, text(d, 'detail')),
  queued: (d) => join(`queued behind ${text(d, 'gate')}`, text(d, 'detail')),
  requested: (d, by) =>
    join(
      `${d['dryRun'] === true ? 'dry run of ' : ''}${steps(d)} requested by ${by}`,
      text(d, 'reason'),
    ),
  approval_asked: (d) => join('waits for approval', text(d, 'shortfall')),
  approval_decided: (d, by) =>
    join(
      d['deadline'] === true
        ? `nobody decided in time: ${text(d, 'decision')}`
        : `${by} ${said(d)}${signature(d)}`,
      text(d, 'comment'),
      refusal(d),
    ),
  admitted: () => 'got the slot: it may act',
  begun: (d) => `begins ${text(d, 'action')}`,
  executed: (d) => join(`did ${text(d, 'action')}`, text(d, 'summary')),
  verified: (d) => join(`verified: ${text(d, 'outcome')}`, text(d, 'why')),
  restored: (d) =>
    typeof d['failed'] === 'string'
      ? join(`could not undo ${text(d, 'action')}`, d['failed'])
      : join(`undid ${text(d, 'action')}`, text(d, 'summary')),
  foretold: (d) => `dry run: ${text(d, 'would')}`,
  notified: (d) => join('told people', text(d, 'title')),
  recorded: (d) => join(`ended: ${text(d, 'outcome')}`, text(d, 'reason')),
  withdrawn: (d) => join('withdrawn', text(d, 'reason')),
  reaped: (d) => join(`its workflow was gone: ${text(d, 'outcome')}`, text(d, 'reason')),
  approval_escalated: (d) => join('nobody decided in time: now asks', list(d['of'])),
  breaker_opened: (d) => join('its breaker opened', text(d, 'reason')),
  breaker_closed: () => 'its breaker closed',
  storm_opened: (d) => join(`storm in group ${text(d, 'group')}`, text(d, 'reason')),
  storm_closed: (d) => `the storm in group ${text(d, 'group')} passed`,
  demoted: (d) => join('from now on it asks for approval', text(d, 'reason')),
  promoted: (_, by) => `acts by itself again, by ${by}`,
  checkpointed: (d) => `the audit up to ${text(d, 'number')} was sealed by a checkpoint`,
  paused: (d, by) => join(`paused by ${by}`, text(d, 'reason')),
  resumed: (_, by) => `resumed by ${by}`,
  drift_detected: (d) => join('differs from its manifest', pointers(d['changes'])),
  drift_resolved: (d) => join('is again as its manifest says', list(d['pointers'])),
  override_set: (d) =>
    `${text(d, 'pointer')} is to be ${text(d, 'value')} instead of what the manifest says`,
  override_ended: (d) =>
    join(`${text(d, 'pointer')} is to be as the manifest says`, text(d, 'why')),
  started: (d) => join('started, as it was desired and not running', text(d, 'summary')),
  manifest_applied: (d, by) =>
    join(
      `manifest ${text(d, 'change')} by ${by}`,
      `revision ${text(d, 'revision')}`,
      text(d, 'why'),
    ),
  revision_held: (d) =>
    `a revision of ${text(d, 'source')} waits, because it would remove ${text(d, 'count')} of ${text(d, 'of')} objects`,
  prune_allowed: (d, by) =>
    join(`${by} let ${text(d, 'source')} remove ${text(d, 'count')}`, text(d, 'reason')),
  rolled_back: (d, by) =>
    join(`${by} rolled ${text(d, 'source')} back to revision ${text(d, 'to')}`, text(d, 'reason')),
  pin_released: (d, by) => join(`${text(d, 'source')} is no longer pinned (${by})`, text(d, 'why')),
  manifest_refused: (d) => join(`manifests of ${text(d, 'source')} refused`, list(d['problems'])),
};

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(': ');
}

function text(details: Details, key: string): string {
  const value = details[key];
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(', ') : '';
}

function steps(details: Details): string {
  const given = details['steps'];
  if (!Array.isArray(given)) return 'an action';
  return given.map((step: Details) => text(step, 'action')).join(', ');
}

function pointers(changes: unknown): string {
  if (!Array.isArray(changes)) return '';
  return changes.map((one: Details) => text(one, 'pointer')).join(', ');
}

function said(details: Details): string {
  const decision = text(details, 'decision');
  return decision === 'withdraw' ? 'takes the yes back' : `says ${decision}`;
}

function signature(details: Details): string {
  return details['signed'] === false ? ' (unsigned)' : '';
}

function refusal(details: Details): string {
  const refused = text(details, 'refused');
  return refused === '' ? '' : `refused, ${refused}`;
}
