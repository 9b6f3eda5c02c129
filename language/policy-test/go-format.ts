/** How Go prints values, as far as templates of rules do. */

/** A value of a template: Go's string, float64, int (bigint), bool, nil, map, list, or one sample of a query. */
export type Value = string | number | bigint | boolean | null | GoMap | GoSample | readonly Value[];

export interface GoMap {
  kind: 'map';
  entries: Readonly<Record<string, Value>>;
}

export interface GoSample {
  kind: 'sample';
  labels: Readonly<Record<string, string>>;
  value: number;
}

export function isGoMap(value: Value): value is GoMap {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'map';
}

export function isGoSample(value: Value): value is GoSample {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'sample';
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Go's name for the type of a value. */
export function typeName(value: Value): string {
  if (value === null) return 'nil';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (isList(value)) return 'template.queryResult';
  return value.kind === 'map' ? 'map[string]string' : '*template.sample';
}

/** `%v`. */
export function printValue(value: Value): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return formatFloat(value, 'g', null);
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return `[${value.map(printValue).join(' ')}]`;
  if (value.kind === 'sample') return `&{${printMap(value.labels)} ${printValue(value.value)}}`;
  return printMap(value.entries);
}

function printMap(entries: Readonly<Record<string, Value>>): string {
  const inner = Object.entries(entries)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}:${printValue(value)}`);
  return `map[${inner.join(' ')}]`;
}

/** `%g`, `%e` or `%f`; `precision` null: the fewest digits that tell the number from others (6 for e and f). */
export function formatFloat(
  value: number,
  verb: 'g' | 'e' | 'f',
  precision: number | null,
): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  if (verb === 'f') return sign + fixed(size, precision ?? 6);
  if (verb === 'e') {
    return sign + exponent(evenly(precision ?? 6, (digits) => size.toExponential(digits)));
  }
  return sign + general(size, precision);
}

/** toFixed gives up at 1e21. */
function fixed(size: number, precision: number): string {
  if (size < 1e21) return evenly(precision, (digits) => size.toFixed(digits));
  const digits = BigInt(size).toString();
  return precision === 0 ? digits : `${digits}.${'0'.repeat(precision)}`;
}

const MAX_DIGITS = 100;
/** Enough to tell a tie from what only looks like one. */
const MORE_DIGITS = 30;
const TIE = /^(\d+)(?:\.(\d*))?(e.*)?$/;

/** JavaScript rounds ties up, Go to the even neighbour. */
function evenly(wanted: number, write: (digits: number) => string): string {
  const precision = Math.min(wanted, MAX_DIGITS);
  const rounded = write(precision);
  const exact = write(Math.min(precision + MORE_DIGITS, MAX_DIGITS));
  const [, whole = '', fraction = '', power = ''] = TIE.exec(exact) ?? [];
  if (!/^50*$/.test(fraction.slice(precision))) return rounded;
  const kept = precision === 0 ? whole : `${whole}.${fraction.slice(0, precision)}`;
  return /[02468]$/.test(kept) ? kept + power : rounded;
}

/** From this power of ten on the shortest form has an exponent. */
const SHORTEST_LIMIT = 6;

function general(size: number, precision: number | null): string {
  const wanted = Math.max(precision ?? 1, 1);
  const written =
    precision === null
      ? size.toExponential()
      : evenly(wanted - 1, (digits) => size.toExponential(digits));
  const [mantissa = '', power = '0'] = written.split('e');
  const shortest = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  const significant = shortest.replace('.', '').length;
  const at = Number(power);
  const isWhole = wanted > significant && significant > at;
  const limit = precision === null ? SHORTEST_LIMIT : isWhole ? significant : wanted;
  if (at < -4 || at >= limit) return exponent(`${shortest}e${power}`);
  return plain(shortest.replace('.', ''), at);
}

/** Digits with the decimal point behind the one worth ten to that power. */
function plain(digits: string, power: number): string {
  if (power < 0) return `0.${'0'.repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, '0');
  const fraction = digits.slice(power + 1);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** Go writes at least two digits of the exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

const DIRECTIVE = /%([-+# 0]*)(\d+|\*)?(?:\.(\d*))?(.|$)/gsu;

/** Go's fmt.Sprintf with the verbs v d s q t f F e g x X c and %%. */
export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0;
  const text = format.replace(DIRECTIVE, (...found: string[]) => {
    const [, flags = '', width, digits, verb = ''] = found as (string | undefined)[];
    if (verb === '%') return '%';
    if (verb === '') return '%!(NOVERB)';
    const wide = width === '*' ? Number(args[next++] ?? 0) : Number(width ?? 0);
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const precision = digits === undefined ? null : Number(digits);
    const shown = formatOne(args[next] ?? null, verb, { precision, flags });
    next += 1;
    return pad(shown, wide, flags);
  });
  const extra = args.slice(next).map((value) => `${typeName(value)}=${printValue(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`;
}

interface Style {
  precision: number | null;
  flags: string;
}

function formatOne(value: Value, verb: string, style: Style): string {
  const shown = verb === 'v' ? printValue(value) : byType(value, verb, style);
  if (shown === null) return `%!${verb}(${typeName(value)}=${printValue(value)})`;
  const isPositive = (typeof value === 'number' && value >= 0) || typeof value === 'bigint';
  return style.flags.includes('+') && isPositive && !/^[+-]/.test(shown) ? `+${shown}` : shown;
}

function byType(value: Value, verb: string, { precision }: Style): string | null {
  if (typeof value === 'number') return floatBy(value, verb, precision);
  if (typeof value === 'bigint') return integerBy(value, verb);
  if (typeof value === 'string') return textBy(value, verb, precision);
  if (typeof value === 'boolean') return verb === 't' ? String(value) : null;
  return verb === 's' && value !== null ? printValue(value) : null;
}

function floatBy(value: number, verb: string, precision: number | null): string | null {
  const lower = verb.toLowerCase();
  if (lower !== 'f' && lower !== 'e' && lower !== 'g') return null;
  const shown = formatFloat(value, lower, precision);
  return verb === lower || verb === 'F' ? shown : shown.toUpperCase();
}

function integerBy(value: bigint, verb: string): string | null {
  switch (verb) {
    case 'd':
      return value.toString();
    case 'x':
      return value.toString(16);
    case 'X':
      return value.toString(16).toUpperCase();
    case 'o':
      return value.toString(8);
    case 'b':
      return value.toString(2);
    case 'c':
      return String.fromCodePoint(Number(value));
    default:
      return null;
  }
}

function textBy(value: string, verb: string, precision: number | null): string | null {
  const text = precision === null ? value : Array.from(value).slice(0, precision).join('');
  if (verb === 's') return text;
  if (verb === 'q') return JSON.stringify(text);
  return verb === 'x' ? Buffer.from(text).toString('hex') : null;
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0') || !/\d/.test(text)) return text.padStart(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}
