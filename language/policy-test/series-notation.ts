/**
 * The series notation of promtool's unit tests: a series as `name{label="value"}`, its samples as
 * `1+2x3 _ stale`, one per interval.
 */

/** `at`: offset of the mistake in the text. */
export interface NotationProblem {
  at: number;
  message: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; problem: NotationProblem };

/** What one interval brings: a number, nothing, or the marker that ends the series. */
export type SequenceValue = number | 'missing' | 'stale';

export interface SeriesName {
  /** Empty when the text has no name. */
  name: string;
  labels: Record<string, string>;
}

/** More samples than that in one series are a slip of the pen. */
const MAX_SAMPLES = 1_000_000;

class NotationError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

function attempt<T>(read: () => T): Parsed<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (!(error instanceof NotationError)) throw error;
    return { ok: false, problem: { at: error.at, message: error.message } };
  }
}

/** A text and how far it was read. */
class Reader {
  at = 0;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The match of a sticky expression here, which is then behind us; null when there is none. */
  take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  rest(): string {
    return this.text.slice(this.at, this.at + 20);
  }

  isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  fail(message: string): never {
    throw new NotationError(this.at, message);
  }
}

const SPACE = /\s+/y;
const BLANK = /_(?:x(\d+))?(?=\s|$)/y;
const STALE = /stale(?=\s|$)/y;
const NUMBER = /[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])/y;
const STEP = /[+-](?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])/y;
const TIMES = /x(\d+)/y;
const END_OF_ITEM = /(?=\s|$)/y;

/**
 * `1+1x10`, `1-2x3`, `1x4` (five samples), `_`, `_x4`, `stale`, `NaN`, `-Inf`, `1e3`. Steps are added
 * one by one, as promtool does it, so that the last bits of the sums agree. There is no hexadecimal:
 * `0x4` is five zeros.
 */
export function parseValues(text: string): Parsed<SequenceValue[]> {
  return attempt(() => {
    const reader = new Reader(text);
    const values: SequenceValue[] = [];
    reader.take(SPACE);
    while (!reader.isAtEnd()) {
      const start = reader.at;
      const item = readItem(reader);
      if (values.length + item.count > MAX_SAMPLES) {
        throw new NotationError(start, `more than ${MAX_SAMPLES} samples in one series`);
      }
      let value = item.first;
      for (let i = 0; i < item.count; i += 1) {
        values.push(value);
        if (typeof value === 'number') value += item.step;
      }
      reader.take(SPACE);
    }
    return values;
  });
}

interface Item {
  first: SequenceValue;
  step: number;
  count: number;
}

function readItem(reader: Reader): Item {
  if (reader.text.startsWith('{{', reader.at)) {
    reader.fail('native histograms are not supported');
  }
  const blank = reader.take(BLANK);
  if (blank !== null) return { first: 'missing', step: 0, count: Number(blank[1] ?? 1) };
  if (reader.take(STALE) !== null) return { first: 'stale', step: 0, count: 1 };
  const first = reader.take(NUMBER);
  if (first === null) reader.fail(`${named(reader)} is no sample: write a number, _ or stale`);
  const step = reader.take(STEP);
  const times = reader.take(TIMES);
  if (step !== null && times === null) {
    reader.fail('a step needs to know how often it is taken: 1+2x3');
  }
  if (reader.take(END_OF_ITEM) === null) {
    reader.fail(`${named(reader)} does not belong here: samples are separated by spaces`);
  }
  return {
    first: toNumber(first[0]),
    step: step === null ? 0 : toNumber(step[0]),
    // The sample itself, and then that many more.
    count: times === null ? 1 : Number(times[1]) + 1,
  };
}

function named(reader: Reader): string {
  return JSON.stringify(/^\S+/.exec(reader.rest())?.[0] ?? '');
}

function toNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]/, '');
  if (/^inf$/i.test(digits)) return sign * Infinity;
  return sign * Number(digits);
}

const METRIC = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const QUOTED = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;

/** `name{label="value", …}`, `{label="value"}`, `{"a name", label="value"}` or `name`. */
export function parseSeriesName(text: string): Parsed<SeriesName> {
  return attempt(() => {
    const reader = new Reader(text);
    reader.take(SPACE);
    const series: SeriesName = { name: reader.take(METRIC)?.[0] ?? '', labels: {} };
    reader.take(SPACE);
    if (reader.take(/\{/y) !== null) readLabels(reader, series);
    reader.take(SPACE);
    if (!reader.isAtEnd()) reader.fail(`${named(reader)} does not belong here`);
    const { __name__: name, ...labels } = series.labels;
    if (name === undefined) return series;
    if (series.name !== '') throw new NotationError(0, 'the series has two names');
    return { name, labels };
  });
}

function readLabels(reader: Reader, series: SeriesName): void {
  for (;;) {
    reader.take(SPACE);
    if (reader.take(/\}/y) !== null) return;
    readLabel(reader, series);
    reader.take(SPACE);
    if (reader.take(/,/y) !== null) continue;
    if (reader.take(/\}/y) !== null) return;
    reader.fail('expected , or } after a label');
  }
}

function readLabel(reader: Reader, series: SeriesName): void {
  const start = reader.at;
  const quoted = reader.take(QUOTED);
  const name = quoted === null ? reader.take(LABEL)?.[0] : unquote(quoted[0]);
  if (name === undefined && reader.isAtEnd()) reader.fail('the { is not closed');
  if (name === undefined) reader.fail(`${named(reader)} is no name of a label`);
  reader.take(SPACE);
  if (reader.take(/=(?![=~])/y) === null) {
    if (quoted === null || series.name !== '') reader.fail(`expected = after ${name}`);
    series.name = name;
    return;
  }
  reader.take(SPACE);
  const value = reader.take(QUOTED);
  if (value === null) reader.fail(`the value of ${name} must be in quotes`);
  if (Object.hasOwn(series.labels, name)) {
    throw new NotationError(start, `label ${name} is given twice`);
  }
  series.labels[name] = unquote(value[0]);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const ESCAPE = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/g;

/** The text that a quoted literal of Go stands for. */
export function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith('`')) return inner;
  return inner.replace(ESCAPE, (_whole, code: string) => {
    if (/^[xuU]/.test(code) && code.length > 1) {
      return String.fromCodePoint(Math.min(parseInt(code.slice(1), 16), 0x10ffff));
    }
    if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(parseInt(code, 8));
    return ESCAPES[code] ?? code;
  });
}

/** `name{a="b"}` with its labels in order; without a name and labels `{}`. */
export function printSeriesName({ name, labels }: SeriesName): string {
  const inner = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return inner.length === 0 && name !== '' ? name : `${name}{${inner.join(', ')}}`;
}
