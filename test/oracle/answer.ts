import type { InstantValue } from '../../domain/policy/instant';
import { numberOf } from './dataset';

/** Label set, with its name as `__name__` and in a fixed order → value; or why there is none. */
export type Answer =
  { kind: 'vector'; values: ReadonlyMap<string, number> } | { kind: 'error'; message: string };

export function labelKey(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== '');
  return JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What Vigil answers; the same label set twice is an error. */
export function vigilAnswer(value: InstantValue): Answer {
  if (value.kind === 'scalar') return vectorOf([[labelKey({}), value.value]]);
  return vectorOf(
    value.samples.map(({ name, labels, value: own }) => [
      labelKey(name === null ? labels : { ...labels, __name__: name }),
      own,
    ]),
  );
}

const LABELS = /\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\}/y;
const LABEL = /(\w+)=("(?:[^"\\]|\\.)*")/g;

/** promtool's own writing: `{a="b"} 1E+00, {…} NaN`, or `nil` for nothing. */
export function parseGot(text: string): Answer {
  const entries: [string, number][] = [];
  if (text === 'nil') return vectorOf(entries);
  let at = 0;
  while (at < text.length) {
    LABELS.lastIndex = at;
    const labels = LABELS.exec(text);
    if (labels === null) throw new Error(`not promtool's notation: ${text}`);
    const from = at + labels[0].length + 1;
    const comma = text.indexOf(',', from);
    const to = comma < 0 ? text.length : comma;
    entries.push([labelKey(parseLabels(labels[1] ?? '')), numberOf(text.slice(from, to))]);
    at = to + 2;
  }
  return vectorOf(entries);
}

/** `a="b", c="d"` */
export function parseLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = '', quoted = '""']) => [
    name,
    JSON.parse(quoted) as string,
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function vectorOf(entries: readonly (readonly [string, number])[]): Answer {
  const values = new Map(entries);
  if (values.size < entries.length) return { kind: 'error', message: 'the same label set twice' };
  return { kind: 'vector', values };
}

/**
 * Go and V8 round the last digit of exp, log and pow differently, and sums over series depend on
 * the order in which Prometheus meets them: that is what the tolerance is for.
 */
const RELATIVE = 1e-9;

export function isSameValue(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= RELATIVE * Math.max(Math.abs(a), Math.abs(b));
}

/** Null: the same; else what differs first. */
export function difference(expected: Answer, actual: Answer): string | null {
  if (expected.kind === 'error' || actual.kind === 'error') {
    return expected.kind === actual.kind ? null : `${print(expected)} ≠ ${print(actual)}`;
  }
  for (const [key, value] of expected.values) {
    const own = actual.values.get(key);
    if (own === undefined) return `${key} is missing`;
    if (!isSameValue(value, own)) return `${key} is ${own}, not ${value}`;
  }
  const extra = [...actual.values.keys()].find((key) => !expected.values.has(key));
  return extra === undefined ? null : `${extra} is too much`;
}

export function print(answer: Answer): string {
  if (answer.kind === 'error') return answer.message;
  const lines = [...answer.values].map(([key, value]) => `${key} ${value}`);
  return lines.length === 0 ? 'nothing' : lines.sort().join(', ');
}
