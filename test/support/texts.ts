import fc from 'fast-check';

const SURROGATES = { from: 0xd800, count: 0x800 };
const CODE_POINTS = 0x110000 - SURROGATES.count;

/**
 * Any text, as `fc.string({ unit: 'binary' })`: that one makes a table of all million characters, half a
 * second for each test file, to find out that it may make words like `constructor`.
 */
export const anyText = fc.string({
  unit: fc.nat({ max: CODE_POINTS - 1 }).map(characterOf, numberOf),
});

function characterOf(number: number): string {
  const { from, count } = SURROGATES;
  return String.fromCodePoint(number < from ? number : number + count);
}

function numberOf(character: unknown): number {
  const point = typeof character === 'string' ? character.codePointAt(0) : undefined;
  if (point === undefined || String.fromCodePoint(point) !== character)
    throw new Error('not one character');
  return point < SURROGATES.from ? point : point - SURROGATES.count;
}
