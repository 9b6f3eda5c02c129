import { readdirSync, statSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * The files that a pattern names, in order: `*` and `?` stand for characters within one name, `[ab]`
 * for one of them. Relative to `folder`.
 */
export function filesMatching(pattern: string, folder: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  let found = [isAbsolute(pattern) ? '/' : folder];
  for (const part of parts) found = found.flatMap((below) => entriesMatching(part, below));
  return found.filter((path) => statsOf(path)?.isFile() === true);
}

function entriesMatching(part: string, folder: string): string[] {
  if (!/[*?[\]]/.test(part)) return [join(folder, part)];
  const isFolder = statsOf(folder)?.isDirectory() === true;
  const expression = toExpression(part);
  return (isFolder ? readdirSync(folder) : [])
    .filter((name) => expression.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Null: nothing is there that could be read. */
function statsOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function toExpression(part: string): RegExp {
  const source = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^$/;
  }
}
