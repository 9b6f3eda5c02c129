import { RE2JS } from 're2js';
import { parsePromDuration } from './duration';
import { g4, humanize, humanize1024, humanizeDuration, humanizeTimestamp } from './humanize';
import {
  isGoMap,
  isGoSample,
  isList,
  printValue,
  sprintf,
  typeName,
  type GoSample,
  type Value,
} from './go-format';

/** Why a function cannot say anything: the template's text becomes the error, as in Prometheus. */
export class FunctionError extends Error {}

/** What functions ask of the world. */
export interface FunctionContext {
  /** The samples of a PromQL expression at the evaluation's time. */
  query: (expression: string) => GoSample[];
  externalUrl: string;
  /** Of the evaluation, epoch ms. */
  now: number;
}

type TemplateFunction = (args: readonly Value[], context: FunctionContext) => Value;

function number(value: Value | undefined): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string') {
    throw new FunctionError(`can't convert ${typeName(value ?? null)} to float`);
  }
  const parsed = /^[+-]?inf(inity)?$/i.test(value) ? infinity(value) : Number(value);
  const isNumber = value.trim() !== '' && (/^nan$/i.test(value) || !Number.isNaN(parsed));
  if (isNumber) return parsed;
  throw new FunctionError(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`);
}

function infinity(text: string): number {
  return text.startsWith('-') ? -Infinity : Infinity;
}

function text(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  throw new FunctionError(`expected string; found ${printValue(value ?? null)}`);
}

function sample(value: Value | undefined): GoSample {
  if (value !== undefined && isGoSample(value)) return value;
  throw new FunctionError(`expected a sample of a query; found ${typeName(value ?? null)}`);
}

function list(value: Value | undefined): readonly Value[] {
  if (value !== undefined && isList(value)) return value;
  throw new FunctionError(`expected the result of a query; found ${typeName(value ?? null)}`);
}

function timestamp(value: number): string {
  const written = humanizeTimestamp(value);
  if (written !== null) return written;
  throw new FunctionError(`${printValue(value)} cannot be represented as a timestamp`);
}

function title(words: string): string {
  return words.replace(
    /(^|[^\p{L}\p{N}_'’])(\p{L})/gu,
    (_whole, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

function compiled(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new FunctionError(error instanceof Error ? error.message : String(error));
  }
}

/** Go's ReplaceAllString: `$1`, `${name}`, `$$`; a group that is not there is empty. */
function replaceAll(pattern: string, replacement: string, subject: string): string {
  const matcher = compiled(pattern).matcher(subject);
  const parts: string[] = [];
  let from = 0;
  while (matcher.find()) {
    const groupOf = (name: string): string => {
      const group = /^\d+$/.test(name) ? Number(name) : name;
      try {
        return matcher.group(group) ?? '';
      } catch {
        return '';
      }
    };
    const expanded = replacement.replace(
      /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
      (_whole, dollar?: string, braced?: string, bare?: string) =>
        dollar ?? groupOf(braced ?? bare ?? ''),
    );
    parts.push(subject.slice(from, matcher.start()), expanded);
    from = matcher.end();
  }
  return parts.join('') + subject.slice(from);
}

function queryEscape(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** Go's fmt.Sprint: a space between two operands neither of which is text. */
function sprint(args: readonly Value[]): string {
  return args
    .map((value, i) => {
      const before = args[i - 1];
      const isSpaced = i > 0 && typeof value !== 'string' && typeof before !== 'string';
      return (isSpaced ? ' ' : '') + printValue(value);
    })
    .join('');
}

export function isTruthy(value: Value): boolean {
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return value !== 0n;
  if (value === null || typeof value === 'boolean') return value ?? false;
  if (typeof value === 'string') return value !== '';
  if (isList(value)) return value.length > 0;
  return value.kind === 'sample' || Object.keys(value.entries).length > 0;
}

function comparable(a: Value, b: Value): void {
  const isBasic = [a, b].every((one) => typeof one !== 'object');
  if (isBasic && typeof a === typeof b) return;
  const types = isBasic ? `: ${typeName(a)} and ${typeName(b)}` : '';
  throw new FunctionError(`incompatible types for comparison${types}`);
}

function isLess(a: Value, b: Value): boolean {
  comparable(a, b);
  if (typeof a === 'boolean') throw new FunctionError('invalid type for comparison');
  return (a as number) < (b as number);
}

function isEqual(a: Value, b: Value): boolean {
  comparable(a, b);
  return a === b;
}

function equalsAny(args: readonly Value[]): boolean {
  const [first, ...others] = args;
  if (first === undefined || others.length === 0) {
    throw new FunctionError('missing argument for comparison');
  }
  return others.some((other) => isEqual(first, other));
}

function two(args: readonly Value[]): [Value, Value] {
  const [a, b] = args;
  if (args.length !== 2 || a === undefined || b === undefined) {
    throw new FunctionError(`wrong number of args: want 2 got ${args.length}`);
  }
  return [a, b];
}

function index(args: readonly Value[]): Value {
  const [first = null, ...keys] = args;
  return keys.reduce<Value>((value, key) => {
    if (isGoMap(value)) return value.entries[text(key)] ?? '';
    const found = isList(value) ? value[number(key)] : undefined;
    if (found === undefined) throw new FunctionError(`no such index: ${printValue(key)}`);
    return found;
  }, first);
}

function lengthOf(value: Value | undefined): bigint {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (value !== undefined && isList(value)) return BigInt(value.length);
  if (value !== undefined && isGoMap(value)) return BigInt(Object.keys(value.entries).length);
  throw new FunctionError(`len of type ${typeName(value ?? null)}`);
}

function sortByLabel([label, samples]: readonly Value[]): Value {
  const name = text(label);
  const key = (one: Value): string => sample(one).labels[name] ?? '';
  return [...list(samples)].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function argsMap(args: readonly Value[]): Value {
  return {
    kind: 'map',
    entries: Object.fromEntries(args.map((value, i) => [`arg${i}`, value])),
  };
}

function stripPort(hostPort: string): string {
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(hostPort);
  return found === null ? hostPort : (found[1] ?? found[2] ?? '');
}

function stripDomain(hostPort: string): string {
  const host = stripPort(hostPort);
  if (/^[\d.]+$/.test(host) || host.includes(':')) return hostPort;
  return (host.split('.')[0] ?? '') + hostPort.slice(host.length);
}

function durationSeconds(written: string): number {
  const ms = parsePromDuration(written.replace(/^-/, ''));
  if (ms === null) {
    throw new FunctionError(`not a valid duration string: ${JSON.stringify(written)}`);
  }
  return (written.startsWith('-') ? -ms : ms) / 1000;
}

/** `and` and `or` stop early and are evaluated elsewhere. */
export const LAZY_FUNCTIONS = ['and', 'or'] as const;

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  not: ([value = null]) => !isTruthy(value),
  eq: equalsAny,
  ne: (args) => !isEqual(...two(args)),
  lt: (args) => isLess(...two(args)),
  le: (args) => isLess(...two(args)) || isEqual(...two(args)),
  gt: (args) => !isLess(...two(args)) && !isEqual(...two(args)) && !hasNaN(args),
  ge: (args) => !isLess(...two(args)) && !hasNaN(args),
  len: ([value]) => lengthOf(value),
  index,
  print: sprint,
  println: (args) => `${args.map(printValue).join(' ')}\n`,
  printf: ([format, ...args]) => sprintf(text(format), args),
  html: (args) => sprint(args).replace(/[&<>"']/g, (c) => HTML[c] ?? c),
  urlquery: (args) => queryEscape(sprint(args)),
  query: ([expression], { query }) => query(text(expression)),
  first: ([samples]) => {
    const [one] = list(samples);
    if (one === undefined) throw new FunctionError('first() called on vector with no elements');
    return one;
  },
  label: ([name, one]) => sample(one).labels[text(name)] ?? '',
  value: ([one]) => sample(one).value,
  strvalue: ([one]) => sample(one).labels['__value__'] ?? '',
  sortByLabel,
  args: argsMap,
  humanize: ([value]) => humanize(number(value)),
  humanize1024: ([value]) => humanize1024(number(value)),
  humanizeDuration: ([value]) => humanizeDuration(number(value)),
  humanizePercentage: ([value]) => `${g4(number(value) * 100)}%`,
  humanizeTimestamp: ([value]) => timestamp(number(value)),
  title: ([words]) => title(text(words)),
  toUpper: ([words]) => text(words).toUpperCase(),
  toLower: ([words]) => text(words).toLowerCase(),
  match: ([pattern, subject]) => compiled(text(pattern)).matcher(text(subject)).find(),
  reReplaceAll: ([pattern, replacement, subject]) =>
    replaceAll(text(pattern), text(replacement), text(subject)),
  safeHtml: ([markup]) => text(markup),
  urlQueryEscape: ([value]) => queryEscape(text(value)),
  graphLink: ([expression]) => `/graph?g0.expr=${queryEscape(text(expression))}&g0.tab=0`,
  tableLink: ([expression]) => `/graph?g0.expr=${queryEscape(text(expression))}&g0.tab=1`,
  stripPort: ([hostPort]) => stripPort(text(hostPort)),
  stripDomain: ([hostPort]) => stripDomain(text(hostPort)),
  parseDuration: ([written]) => durationSeconds(text(written)),
  externalURL: (_args, { externalUrl }) => externalUrl,
  pathPrefix: (_args, { externalUrl }) =>
    URL.canParse(externalUrl) ? new URL(externalUrl).pathname.replace(/^\/$/, '') : '',
  now: (_args, { now }) => now / 1000,
};

function hasNaN(args: readonly Value[]): boolean {
  return args.some((value) => Number.isNaN(value));
}
