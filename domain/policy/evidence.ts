import type { Expression, ValueExpression } from './ast';
import type { Judge } from './judge';
import { percentScaleOf } from './judge-compare';
import { judgeNow, type Leaf, type LeafContext } from './leaf';
import type { Evidence, VerdictValue } from './policy';
import { printSelector, printValue } from './print';
import { printResolved } from './print-series';
import { selectorsOf } from './selectors';
import { matchesSelector, newestIndex, type Sample } from './series';
import type { Slot } from './value/program';

/** How many series a verdict names. */
const MAX_EVIDENCE = 20;

/** What a verdict rests on now: what says the same as it comes first. */
export function evidenceFor(
  expression: Expression,
  verdict: VerdictValue,
  context: LeafContext,
): Evidence[] {
  return leavesOf(expression)
    .flatMap((leaf) => leafEvidence(leaf, context))
    .sort((a, b) => rank(a, verdict) - rank(b, verdict))
    .slice(0, MAX_EVIDENCE);
}

function leavesOf(expression: Expression): Leaf[] {
  switch (expression.kind) {
    case 'compare':
    case 'truthy':
    case 'present':
    case 'trend':
    case 'missing':
      return [expression];
    case 'and':
    case 'or':
      return [...leavesOf(expression.left), ...leavesOf(expression.right)];
    case 'not':
    case 'for':
    case 'forAttempts':
      return leavesOf(expression.operand);
  }
}

function rank(evidence: Evidence, verdict: VerdictValue): number {
  if (evidence.verdict === verdict) return 0;
  return evidence.verdict === 'unknown' ? 2 : 1;
}

const NOTHING = { value: null, ts: null, receivedAt: null };

/** One row per label set that a leaf judges, and one for each selector that finds nothing. */
function leafEvidence(leaf: Leaf, context: LeafContext): Evidence[] {
  const judge = judgeNow(leaf, context);
  const rows = judge.slots.flatMap((slot, i) => slotEvidence(leaf, { judge, slot, i }, context));
  for (const selector of selectorsOf(leaf)) {
    if (context.series.some((one) => matchesSelector(selector, one))) continue;
    rows.push({
      series: printSelector(selector),
      ...NOTHING,
      verdict: 'unknown',
      reason: 'no_data',
    });
  }
  return rows;
}

interface Seen {
  judge: Judge;
  slot: Slot;
  i: number;
}

/** One row; two for a comparison of two vectors. */
function slotEvidence(leaf: Leaf, seen: Seen, context: LeafContext): Evidence[] {
  const { judge, slot, i } = seen;
  const side = judge.sides?.[i];
  if (side === undefined || leaf.kind !== 'compare') {
    return [
      row(
        leaf,
        { measured: measuredOf(leaf), slot, value: judge.values[i] ?? null },
        seen,
        context,
      ),
    ];
  }
  const rows: Evidence[] = [];
  const { left, right } = leaf;
  if (side.left !== null) {
    const value = judge.values[i] ?? null;
    rows.push(row(leaf, { measured: left, slot: side.left, value }, seen, context));
  }
  if (side.right !== null) {
    const value = judge.others[i] ?? null;
    rows.push(row(leaf, { measured: right, slot: side.right, value }, seen, context));
  }
  return rows;
}

interface Measured {
  measured: ValueExpression;
  slot: Slot;
  value: number | null;
}

function row(
  leaf: Leaf,
  { measured, slot, value }: Measured,
  { judge, i }: Seen,
  context: LeafContext,
): Evidence {
  const newest = newestOf(slot, context);
  const verdict = judge.verdicts[i] ?? 'unknown';
  const reason = verdict === 'unknown' ? reasonOf(judge, i, newest, context) : null;
  const test = testOf(leaf, measured, { judge, i });
  const isPlain = measured.kind === 'selector' && leaf.kind !== 'trend';
  return {
    series: printResolved(measured, slot),
    value: value ?? (isPlain && newest !== null ? newest.value : null),
    ...timesOf(newest),
    verdict,
    ...(test === null ? {} : { test }),
    ...(isRatio(leaf) ? { unit: '%' as const } : {}),
    ...(reason === null ? {} : { reason }),
  };
}

function timesOf(newest: Sample | null): Pick<Evidence, 'ts' | 'receivedAt'> {
  return { ts: newest?.ts ?? null, receivedAt: newest?.receivedAt ?? null };
}

function reasonOf(
  judge: Judge,
  i: number,
  newest: Sample | null,
  { now, stalenessMs }: LeafContext,
): NonNullable<Evidence['reason']> | null {
  const isStale = newest !== null && (newest.isStale === true || now - newest.ts >= stalenessMs);
  return isStale ? 'stale' : (judge.reasons[i] ?? null);
}

function newestOf({ sources }: Slot, { now, lateMs }: LeafContext): Sample | null {
  let newest: Sample | null = null;
  for (const { samples } of sources) {
    const sample = samples[newestIndex(samples, now, lateMs)];
    if (sample !== undefined && sample.ts > (newest?.ts ?? -Infinity)) newest = sample;
  }
  return newest;
}

/** The side that is measured: of two values the left one, of a value and a number the value. */
function measuredOf(leaf: Leaf): ValueExpression {
  if (leaf.kind !== 'compare') return leaf.operand;
  return leaf.left.kind === 'number' ? leaf.right : leaf.left;
}

function isRatio(leaf: Leaf): boolean {
  return (
    leaf.kind === 'compare' &&
    percentScaleOf(leaf) !== 1 &&
    [leaf.left, leaf.right].some((side) => side.kind === 'number' && side.isPercent)
  );
}

const MIRRORED = { '>': '<', '>=': '<=', '<': '>', '<=': '>=', '==': '==', '!=': '!=' } as const;

/** What the value was compared with, as text; null for a value alone. */
function testOf(
  leaf: Leaf,
  measured: ValueExpression,
  { judge, i }: Pick<Seen, 'judge' | 'i'>,
): string | null {
  switch (leaf.kind) {
    case 'compare': {
      const isLeft = measured === leaf.left;
      const op = isLeft ? leaf.op : MIRRORED[leaf.op];
      const other = isLeft ? leaf.right : leaf.left;
      if (other.kind === 'number') return `${op} ${printValue(other)}`;
      const values = judge.sides !== null && !isLeft ? judge.values : judge.others;
      return `${op} ${printValue(other)} = ${values[i] ?? 'no sample'}`;
    }
    case 'trend':
      return `per second, ${leaf.direction}`;
    case 'missing':
      return 'is missing';
    case 'truthy':
    case 'present':
      return null;
  }
}
