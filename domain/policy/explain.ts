import type { Condition } from './ast';
import { formatDuration } from './duration';
import type { Evidence, Verdict } from './policy';

/** How many series an explanation names. */
const NAMED = 3;

const DAY_MS = 86_400_000;

/**
 * One line that says what the verdict rests on, in UTC:
 * `http_up{resource="web"} = 0 < 1 for 5m: true since 12:03:10, fires at 12:08:10`.
 */
export function explain(
  condition: Pick<Condition, 'text' | 'forMs'>,
  verdict: Verdict,
  now: number,
): string {
  const { verdict: value, since } = verdict;
  const evidence = verdict.evidence.map((one) => describe(one, now));
  const named = evidence.slice(0, NAMED).join('; ') || condition.text;
  const more = evidence.length > NAMED ? `; and ${evidence.length - NAMED} more` : '';
  const held = condition.forMs > 0 ? ` for ${formatDuration(condition.forMs)}` : '';
  const claim = `${named}${more}${held}: ${value} since ${time(since, now)}`;
  if (value !== 'true' || condition.forMs === 0) return claim;
  const firesAt = since + condition.forMs;
  return firesAt > now
    ? `${claim}, fires at ${time(firesAt, now)}`
    : `${claim}, long enough since ${time(firesAt, now)}`;
}

function describe(evidence: Evidence, now: number): string {
  const { series, value, ts, test, reason } = evidence;
  const claim = `${series} = ${shown(evidence)}`;
  const compared = test === undefined ? claim : `${claim} ${test.replace(/(\d)%$/, '$1 %')}`;
  if (reason === undefined) return compared;
  switch (reason) {
    case 'no_data':
      return value === null ? `${series} has no samples` : `${claim} has nothing to compare with`;
    case 'stale':
      return `${series} has no sample since ${ts === null ? 'ever' : time(ts, now)}`;
    case 'too_few_samples':
      return `${series} has too few samples to say where it is heading`;
    case 'not_receiving':
      return `${series} is silent, but nothing was being received until lately`;
    case 'unit_mismatch':
      return `${claim} is no ratio to compare with a percentage`;
  }
}

/** 0.93 of a ratio that is compared with a percentage is 93 %. */
function shown({ value, unit, reason }: Evidence): string {
  if (value === null) return 'nothing';
  if (unit !== '%' || reason === 'unit_mismatch') return String(value);
  return `${Number((value * 100).toPrecision(6))} %`;
}

/** `12:03:10`, with the date when that is another day than now's. */
function time(at: number, now: number): string {
  const iso = new Date(at).toISOString();
  const isToday = Math.floor(at / DAY_MS) === Math.floor(now / DAY_MS);
  return isToday ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}
