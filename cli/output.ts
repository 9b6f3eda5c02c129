import type { Command } from 'commander';
import { parseResourceKey, resourceKey } from '../domain/resource';
import { apiUrl, createClient, type ApiClient } from './client';

/** One call of a command that talks to the API. */
export interface Invocation {
  api: ApiClient;
  /** Operands, in order; commander has checked that the required ones are there. */
  args: readonly string[];
  options: Options;
  print: (...lines: string[]) => void;
  /** With `--json`: prints the API's raw answer. Without: the lines. */
  show: (answer: unknown, lines: () => readonly string[]) => void;
}

/** Option values as commander collects them, with a word for each type that is used. */
export interface Options {
  text: (name: string) => string | undefined;
  flag: (name: string) => boolean;
  list: (name: string) => string[];
}

/** Adds the options that all commands share and the action itself; failures are thrown as CliFailure. */
export function talksToApi(
  command: Command,
  handler: (invocation: Invocation) => Promise<void>,
): Command {
  return command
    .option('--api <url>', 'the API (default: VIGIL_API_URL, else http://127.0.0.1:8000)')
    .option('--json', 'print the raw answer of the API')
    .action(async () => {
      const options = optionsOf(command);
      const print = printer(command);
      await handler({
        api: createClient(apiUrl(options.text('api'), process.env), process.env),
        args: command.args,
        options,
        print,
        show(answer, lines) {
          if (options.flag('json')) print(JSON.stringify(answer, null, 2));
          else print(...lines());
        },
      });
    });
}

export function optionsOf(command: Command): Options {
  const values: Readonly<Record<string, unknown>> = command.optsWithGlobals();
  return {
    text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
    flag: (name) => values[name] === true,
    list: (name) => (Array.isArray(values[name]) ? values[name].map(String) : []),
  };
}

/** Prints lines where the program's output is configured to go. */
export function printer(command: Command): (...lines: string[]) => void {
  return (...lines) => {
    for (const line of lines) command.configureOutput().writeOut?.(`${line}\n`);
  };
}

/** Collects a repeatable option: `.option('--param <k=v>', '…', collect, [])`. */
export function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

/** Columns as wide as their widest cell, the last one unpadded; no rows: the words for nothing. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  nothing: string,
): string[] {
  if (rows.length === 0) return [nothing];
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** RFC 3339 → `2026-05-01 12:00:00` in UTC, for tables. */
export function clock(time: string | null | undefined): string {
  return time === null || time === undefined ? '-' : time.slice(0, 19).replace('T', ' ');
}

const UNITS: readonly [number, string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
];

/** Milliseconds for people: `0s`, `45s`, `3m`, `2h`, `5d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [size, unit] = UNITS.find(([unitSize]) => seconds >= 2 * unitSize) ?? [1, 's'];
  return `${Math.floor(seconds / size)}${unit}`;
}

/** An audit row without its time: event, step, who, and what the details say. */
export function rowText({
  event,
  step,
  actor,
  details,
}: {
  event: string;
  step: number;
  actor: string;
  details: Readonly<Record<string, unknown>>;
}): string {
  const place = step < 0 ? '' : ` (step ${step + 1})`;
  return `${event}${place} by ${actor} ${words(details)}`.trimEnd();
}

const SAYS_NOTHING: readonly unknown[] = ['null', '""', 'false', '{}', '[]', undefined];

/** Words for a details object, `gate=paused reason="by hand"`; nested values as JSON. */
export function words(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .filter(([, value]) => !SAYS_NOTHING.includes(JSON.stringify(value)))
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return `${name}=${/\s/.test(text) && typeof value === 'string' ? `"${text}"` : text}`;
    })
    .join(' ');
}

/** A resource as people name it → its place below `/resources/`. */
export function resourcePath(resource: string): string {
  const { namespace, name } = parseResourceKey(resource);
  return `${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** A resource as people name it → its key, `namespace/name`. */
export function fullKey(resource: string): string {
  const { namespace, name } = parseResourceKey(resource);
  return resourceKey(namespace, name);
}
