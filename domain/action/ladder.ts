import { NOTIFY, type Step } from '../policy/policy';
import type { Outcome } from './action';

/**
 * The steps of a policy are rungs: each is tried only when the one before it did not help, and the
 * first that fixes it is the last. The steps of a manual action are a list: each must succeed.
 */

/** What became of the effect of a step that did not help. */
export type Undo =
  /** The runtime refused, or was never asked: nothing is there to be undone. */
  | { kind: 'no_effect' }
  | { kind: 'restored'; summary: string }
  /** The runtime cannot bring back what was there. */
  | { kind: 'impossible' }
  /** It can, and failed: nobody knows what stands now. */
  | { kind: 'broken'; why: string };

/** What became of one step. `endedAt`: when its effect ended, epoch ms by the workflow's clock. */
export type RungResult = { endedAt: number } & (
  | { kind: 'fixed'; why: string }
  | { kind: 'failed'; why: string; undo: Undo }
  | { kind: 'inconclusive'; why: string }
  | { kind: 'told'; why: string }
  /** Of a dry run: what it would have done. */
  | { kind: 'foretold'; why: string }
  /** The condition was false before the step began. */
  | { kind: 'cleared'; why: string }
  | { kind: 'stopped'; why: string; isCalledOff: boolean }
);

export interface Ladder {
  steps: readonly Step[];
  /** Every step must succeed; else the first that does ends it. */
  isList: boolean;
  /** Nothing is waited for: nothing is done. */
  isDryRun: boolean;
}

export interface LadderEnd {
  kind: 'end';
  outcome: Outcome;
  reason: string;
  isCalledOff: boolean;
  /** 0-based step that fixed it; null: none did. */
  fixedBy: number | null;
  /** An effect could not be undone: a person must look. */
  isUndoBroken: boolean;
}

export type LadderNext =
  | { kind: 'step'; index: number }
  /** Until `until` (epoch ms), then ask again. */
  | { kind: 'wait'; until: number; index: number }
  | LadderEnd;

/** What comes after these results, one per step that was tried; pure. */
export function nextRung(ladder: Ladder, results: readonly RungResult[], now: number): LadderNext {
  const last = results.at(-1);
  const index = results.length;
  const step = ladder.steps[index];
  if (last !== undefined && isLast(ladder, last)) return endOf(ladder, results, last);
  if (step === undefined) return endOf(ladder, results, last);
  const until =
    last === undefined || ladder.isDryRun ? now : last.endedAt + Math.max(step.afterMs ?? 0, 0);
  return until > now ? { kind: 'wait', until, index } : { kind: 'step', index };
}

/** No further step touches the resource: what is done from here on cannot be called off. */
export function isLastEffect({ steps }: Pick<Ladder, 'steps'>, index: number): boolean {
  return steps.slice(index + 1).every(({ action }) => action === NOTIFY);
}

function isLast({ isList }: Ladder, result: RungResult): boolean {
  switch (result.kind) {
    case 'fixed':
      return !isList;
    case 'failed':
      return isList || result.undo.kind === 'broken';
    // Without fresh data nobody knows what stands: never pile another effect on it.
    case 'inconclusive':
    case 'cleared':
    case 'stopped':
      return true;
    case 'told':
    case 'foretold':
      return false;
  }
}

function endOf(
  ladder: Ladder,
  results: readonly RungResult[],
  last: RungResult | undefined,
): LadderEnd {
  if (last === undefined) return end('succeeded', 'nothing to do');
  switch (last.kind) {
    case 'fixed':
      return { ...end('succeeded', inWords(ladder, results.length - 1, last)), ...by(results) };
    case 'inconclusive':
      return end('inconclusive', story(ladder, results));
    case 'cleared':
      return endCleared(ladder, results, last.why);
    case 'stopped':
      return endStopped(ladder, results, last);
    case 'failed':
    case 'told':
    case 'foretold':
      return endOfAll(ladder, results);
  }
}

/** Nothing is left to try. */
function endOfAll(ladder: Ladder, results: readonly RungResult[]): LadderEnd {
  if (results.some(({ kind }) => kind === 'failed')) {
    return { ...end(failure(results), story(ladder, results)), isUndoBroken: isBroken(results) };
  }
  if (ladder.isDryRun) return end('skipped', `dry run: ${foretold(ladder, results)}`);
  const isFixed = results.some(({ kind }) => kind === 'fixed');
  return {
    ...end('succeeded', results.map(({ why }) => why).join('; ')),
    ...(isFixed ? by(results) : {}),
  };
}

/** It became well before the next step: the credit is the last effect's, if that still stands. */
function endCleared(ladder: Ladder, results: readonly RungResult[], why: string): LadderEnd {
  const effect = lastEffect(results);
  if (effect === null) return end('cancelled', why);
  const tried = story(ladder, results.slice(0, -1));
  if (effect.undo.kind === 'restored') return end('rolled_back', `${tried}; then it cleared`);
  return { ...end('succeeded', `it cleared late (${tried})`), fixedBy: effect.index };
}

/**
 * A step that may not begin. Where an earlier one had an effect that did not help, this is a
 * failure, which backs off and counts: `cancelled` would try it all again at once.
 */
function endStopped(
  ladder: Ladder,
  results: readonly RungResult[],
  { why, isCalledOff }: Extract<RungResult, { kind: 'stopped' }>,
): LadderEnd {
  if (isCalledOff) return { ...end('cancelled', why), isCalledOff };
  if (ladder.isList || lastEffect(results) === null) return end('cancelled', why);
  const tried = story(ladder, results.slice(0, -1));
  return end(failure(results), `${tried}; then stopped: ${why}`);
}

/** Undone, when the last effect was. */
function failure(results: readonly RungResult[]): 'failed' | 'rolled_back' {
  return lastEffect(results)?.undo.kind === 'restored' ? 'rolled_back' : 'failed';
}

function lastEffect(results: readonly RungResult[]): { index: number; undo: Undo } | null {
  for (let index = results.length - 1; index >= 0; index--) {
    const result = results[index];
    if (result?.kind === 'failed' && result.undo.kind !== 'no_effect') {
      return { index, undo: result.undo };
    }
  }
  return null;
}

function isBroken(results: readonly RungResult[]): boolean {
  return results.some((one) => one.kind === 'failed' && one.undo.kind === 'broken');
}

function by(results: readonly RungResult[]): { fixedBy: number } {
  return { fixedBy: results.findLastIndex(({ kind }) => kind === 'fixed') };
}

function end(outcome: Outcome, reason: string): LadderEnd {
  return {
    kind: 'end',
    outcome,
    reason,
    isCalledOff: false,
    fixedBy: null,
    isUndoBroken: false,
  };
}

function story(ladder: Ladder, results: readonly RungResult[]): string {
  return results.map((result, index) => inWords(ladder, index, result)).join('; ');
}

function inWords({ steps, isList }: Ladder, index: number, result: RungResult): string {
  const place = `${isList ? 'step' : 'rung'} ${index + 1} of ${steps.length}`;
  const where = steps.length === 1 ? '' : `${place} (${steps[index]?.action ?? ''}): `;
  return `${where}${result.why}${undoInWords(result)}`;
}

function undoInWords(result: RungResult): string {
  if (result.kind !== 'failed') return '';
  switch (result.undo.kind) {
    case 'no_effect':
    case 'impossible':
      return '';
    case 'restored':
      return `, undone: ${result.undo.summary}`;
    case 'broken':
      return `, and undoing it failed: ${result.undo.why}`;
  }
}

/** A dry run tells what each rung would do; what would come only if the ones before did not help is said so. */
function foretold({ isList }: Ladder, results: readonly RungResult[]): string {
  const link = isList ? '; then: ' : '; if that does not fix it: ';
  return results.map(({ why }) => why).join(link);
}

/** One step of an action as it is kept: what effectiveness counts, and what people read. */
export interface RungRecord {
  /** 0-based. */
  step: number;
  action: string;
  result: RungResult['kind'];
  undo: Undo['kind'] | null;
}

export function rungRecords(
  { steps }: Pick<Ladder, 'steps'>,
  results: readonly RungResult[],
): RungRecord[] {
  return results.map((result, step) => ({
    step,
    action: steps[step]?.action ?? '',
    result: result.kind,
    undo: result.kind === 'failed' ? result.undo.kind : null,
  }));
}
