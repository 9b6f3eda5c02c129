/** `./a//b`, `a/c/../b` and `a/b` are one file. */
export function tidyPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const last = parts.at(-1);
    if (part !== '..' || last === '..' || (last === undefined && !path.startsWith('/'))) {
      parts.push(part);
    } else {
      parts.pop();
    }
  }
  return `${path.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}
