import { z } from 'zod';
import { formatProblem, type Problem } from '../problem';
import { isRecord, label, printed, type Context } from '../manifest/shape';
import type { Path, SourceDocument } from '../manifest/source';
import { parsePromDuration } from './duration';

/** A place in a file of tests or rules. */
export interface FilePlace {
  file: string;
  line: number;
  column: number;
}

/** Reading one document: where its problems go, and where its parts stand. */
export interface Reading extends Context {
  placeOf: (path: Path, part?: 'key' | 'value') => FilePlace;
}

export function readingOf(file: string, source: SourceDocument, problems: Problem[]): Reading {
  const sayAs =
    (severity: Problem['severity']): Context['report'] =>
    (path, message, place = { part: 'value' }) => {
      const { line, column } = source.locate(path, place);
      problems.push({ file, line, column, message, severity });
    };
  return {
    catalogue: [],
    retentionMs: Infinity,
    writtenAs: source.writtenAs,
    report: sayAs('error'),
    warn: sayAs('warning'),
    placeOf(path, part = 'value') {
      const { line, column } = source.locate(path, { part });
      return { file, line, column };
    },
  };
}

/** `file:line:col`. */
export function printPlace(place: FilePlace): string {
  return formatProblem({ ...place, message: '', severity: 'error' }).slice(0, -2);
}

/** A problem of the whole file. */
export function problemAtStart(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message, severity: 'error' };
}

export function bySite(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** A duration as Prometheus writes them, in ms; null when it is not given. */
export const promDuration = z
  .unknown()
  .optional()
  .transform((given, context): number | null => {
    if (given === undefined || given === null) return null;
    const ms = typeof given === 'string' || given === 0 ? parsePromDuration(String(given)) : null;
    if (ms !== null) return ms;
    const message = `must be a duration such as 30s, 5m or 1h30m, not ${printed(given)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** A list that may be left out or empty. */
export function listAt(value: unknown, path: Path, reading: Reading): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  reading.report(path, `${label(path)} must be a list, not ${printed(value)}`);
  return [];
}

/** A mapping to text; numbers and words become the text that was written, as Prometheus reads them. */
export function writtenMap(value: unknown, path: Path, reading: Reading): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) {
    reading.report(path, `${label(path)} must be a mapping, not ${printed(value)}`);
    return {};
  }
  const entries = Object.entries(value).map(([key, part]): [string, string] => [
    key,
    writtenText(part, [...path, key], reading),
  ]);
  return Object.fromEntries(entries);
}

/** Text, or a scalar as it was written. Reports anything else. */
export function writtenText(value: unknown, path: Path, reading: Reading): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') {
    return reading.writtenAs(path) ?? String(value);
  }
  reading.report(path, `${label(path)} must be text, not ${printed(value)}`);
  return '';
}
