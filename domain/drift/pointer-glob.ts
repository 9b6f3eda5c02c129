/**
 * Patterns for JSON pointers: `*` stands for any characters within a segment, `**` for any number
 * of segments. Segments are compared unescaped: `/config/etc~1*.conf` means files below `etc`.
 */

/** Whether a pattern means a pointer. Takes at most pattern × pointer steps, whatever they hold. */
export function matchesPointer(pattern: string, pointer: string): boolean {
  if (!pattern.startsWith('/')) return false;
  // Most patterns fail here, for less than it takes to split them.
  const special = pattern.search(/[*~]/);
  if (special === -1 && !pointer.includes('~')) return pattern === pointer;
  const head = special === -1 ? '' : pattern.slice(0, pattern.lastIndexOf('/', special));
  if (!pointer.startsWith(head)) return false;
  return matchesSegments(pattern.slice(1).split('/'), pointer.slice(1).split('/'));
}

/** Row by row: `reached[i]` says that the pattern so far can have used up the first i segments. */
function matchesSegments(pattern: readonly string[], segments: readonly string[]): boolean {
  let reached = Array.from({ length: segments.length + 1 }, (_, i) => i === 0);
  for (const part of pattern) {
    const first = reached.indexOf(true);
    reached =
      part === '**'
        ? reached.map((_, i) => first !== -1 && i >= first)
        : reached.map((_, i) => {
            const segment = segments[i - 1];
            return segment !== undefined && reached[i - 1] === true && isSegment(part, segment);
          });
  }
  return reached[segments.length] === true;
}

function isSegment(pattern: string, segment: string): boolean {
  return matchesText(unescaped(pattern), unescaped(segment));
}

/** `*` stands for any characters, also none; every other character for itself. */
export function matchesText(pattern: string, text: string): boolean {
  let [p, t, star, resumeAt] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      [star, resumeAt] = [p, t];
      p += 1;
    } else if (pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star !== -1) {
      // The last `*` takes one more character; earlier ones never need to.
      resumeAt += 1;
      [p, t] = [star + 1, resumeAt];
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}

function unescaped(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
