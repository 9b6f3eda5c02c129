/** What a program or a server printed: its start and its end, without any secret. */

const HIDDEN = '***';
/** Shorter lines of a secret of several lines are common words. */
const MIN_LINE = 4;

export interface Captured {
  text: string;
  totalBytes: number;
  /** How many bytes of the middle were not kept. */
  leftOutBytes: number;
}

export interface OutputCapture {
  push: (chunk: Buffer) => void;
  /** @param secrets values that must not show; what is cut in two at the gap is hidden, too */
  captured: (secrets: readonly string[]) => Captured;
}

/** Keeps the first and the last half of `limitBytes` of what is pushed, whatever comes. */
export function createOutputCapture(limitBytes: number): OutputCapture {
  const half = Math.floor(limitBytes / 2);
  const head: Buffer[] = [];
  const tail: Buffer[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let totalBytes = 0;

  function pushTail(chunk: Buffer): void {
    tail.push(chunk);
    tailBytes += chunk.length;
    for (let first = tail[0]; first !== undefined; first = tail[0]) {
      if (tailBytes - first.length < half) return;
      tail.shift();
      tailBytes -= first.length;
    }
  }

  return {
    push(chunk) {
      totalBytes += chunk.length;
      const room = Math.max(0, half - headBytes);
      if (room > 0) {
        const part = Buffer.from(chunk.subarray(0, room));
        head.push(part);
        headBytes += part.length;
      }
      if (chunk.length > room)
        pushTail(Buffer.from(chunk.subarray(Math.max(room, chunk.length - half))));
    },

    captured(secrets) {
      const needles = needlesOf(secrets);
      const start = binary(Buffer.concat(head));
      const kept = Buffer.concat(tail);
      const end = binary(kept.subarray(Math.max(0, kept.length - half)));
      const leftOutBytes = totalBytes - start.length - end.length;
      const text =
        leftOutBytes === 0
          ? hide(start + end, needles)
          : [
              hide(start, needles, 'end'),
              `… ${leftOutBytes} bytes left out …`,
              hide(end, needles, 'start'),
            ].join('\n');
      return { text, totalBytes, leftOutBytes };
    },
  };
}

/** The text with every secret replaced by `***`. */
export function redact(text: string, secrets: readonly string[]): string {
  return hide(binary(Buffer.from(text)), needlesOf(secrets));
}

/** The last lines that are not empty, each cut to `maxLength` characters. */
export function lastLines(text: string, count: number, maxLength = 500): string[] {
  return linesOf(text)
    .slice(-count)
    .map((line) => line.slice(0, maxLength));
}

/** The first lines that are not empty, each cut to `maxLength` characters. */
export function firstLines(text: string, count: number, maxLength = 500): string[] {
  return linesOf(text)
    .slice(0, count)
    .map((line) => line.slice(0, maxLength));
}

function linesOf(text: string): string[] {
  return (
    text
      .split(/\r?\n|\r/)
      // PostgreSQL stores no NUL, and a terminal obeys the other control characters.
      // eslint-disable-next-line no-control-regex
      .map((line) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '').trimEnd())
      .filter((line) => line !== '')
  );
}

/** One character per byte, so that a secret is found even where a character was cut in two. */
function binary(bytes: Buffer): string {
  return bytes.toString('latin1');
}

/** A secret of several lines is printed line by line as often as whole. */
function needlesOf(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => {
    const lines = secret.split(/\r?\n/);
    return lines.length < 2 ? [secret] : [secret, ...lines.filter((l) => l.length >= MIN_LINE)];
  });
  return [...new Set(all)].filter((one) => one !== '').map((one) => binary(Buffer.from(one)));
}

/** @param cut the side on which more followed: a part of a secret there is hidden as well */
function hide(bytes: string, needles: readonly string[], cut?: 'start' | 'end'): string {
  const ranges = needles.flatMap((needle) => [
    ...occurrences(bytes, needle),
    ...(cut === undefined ? [] : cutOccurrence(bytes, needle, cut)),
  ]);
  ranges.sort(([a], [b]) => a - b);
  let shown = '';
  let at = 0;
  for (const [from, to] of ranges) {
    if (to <= at) continue;
    if (from > at || at === 0) shown += bytes.slice(at, from) + HIDDEN;
    at = to;
  }
  return Buffer.from(shown + bytes.slice(at), 'latin1').toString('utf8');
}

type Range = readonly [from: number, to: number];

function occurrences(bytes: string, needle: string): Range[] {
  const found: Range[] = [];
  for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
    found.push([at, at + needle.length]);
  }
  return found;
}

function cutOccurrence(bytes: string, needle: string, cut: 'start' | 'end'): Range[] {
  for (let length = Math.min(needle.length - 1, bytes.length); length > 0; length--) {
    if (cut === 'end' && bytes.endsWith(needle.slice(0, length))) {
      return [[bytes.length - length, bytes.length]];
    }
    if (cut === 'start' && bytes.startsWith(needle.slice(-length))) return [[0, length]];
  }
  return [];
}
