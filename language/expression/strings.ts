import { ExpressionError } from './errors';

/** The escapes of PromQL, which are those of Go. */
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))/g;

const MAX_CODE_POINT = 0x10ffff;

/** The text between quotes; between backticks everything stands for itself. Throws ExpressionError. */
export function unquote(quoted: string, at: number): string {
  const body = quoted.slice(1, -1);
  if (quoted.startsWith('`') || !body.includes('\\')) return body;
  return body.replace(ESCAPE, (written: string, ...groups: (string | number | undefined)[]) => {
    const [byte, short, long, octal, character, offset] = groups;
    const place = at + 1 + Number(offset);
    const hex = byte ?? short ?? long;
    if (hex !== undefined) return codePoint(parseInt(String(hex), 16), written, place);
    if (octal !== undefined) return codePoint(parseInt(String(octal), 8), written, place);
    return escaped(String(character), place);
  });
}

function codePoint(code: number, written: string, at: number): string {
  if (code <= MAX_CODE_POINT) return String.fromCodePoint(code);
  throw new ExpressionError(at, `${written} is no character`);
}

/** An unknown escape is refused: dropping the backslash would quietly change a regular expression. */
function escaped(character: string, at: number): string {
  const known = ESCAPES[character];
  if (known !== undefined) return known;
  if (character === 'u') throw new ExpressionError(at, '\\u needs four hexadecimal digits');
  if (character === 'U') throw new ExpressionError(at, '\\U needs eight hexadecimal digits');
  if (character === 'x') throw new ExpressionError(at, '\\x needs two hexadecimal digits');
  throw new ExpressionError(
    at,
    `\\${character} is no escape; write \\\\${character}, or the text between backticks`,
  );
}
