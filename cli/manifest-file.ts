import { readFileSync } from 'node:fs';
import type { Warnings } from './answers';
import { CliFailure, usageError } from './failure';

/** The text of a manifest file; `-` is standard input. */
export function readManifests(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new CliFailure(`${file} cannot be read`, 2, { cause });
  }
}

/** `namespace/name` → its place in a path. The namespace is spelt out, so that no namesake in `default` is hit. */
export function placeOf(name: string): string {
  const parts = name.split('/');
  if (parts.length !== 2 || parts.includes('')) throw usageError(`"${name}": write namespace/name`);
  return parts.map(encodeURIComponent).join('/');
}

/** Warnings of the API about a file's text, at the places in the file. */
export function warningLines(warnings: Warnings, file: string): string[] {
  return (warnings ?? []).map(
    ({ field, message }) => `${field.replace(/^api:/, `${file}:`)}: ${message} (warning)`,
  );
}
