import fc from 'fast-check';
import { capDetails } from '../../../domain/action/details';

test('what is short is kept as it is', () => {
  const details = { exitCode: 1, tail: ['a', 'b'], nested: { unit: 'web' } };
  expect(capDetails(details)).toEqual(details);
});

test('of a long log its end is kept', () => {
  const { text, tail } = capDetails({
    text: `${'x'.repeat(10_000)}out of memory`,
    tail: [...Array.from({ length: 500 }, (_, i) => `line ${i}`), 'out of memory'],
  });
  expect(text).toMatch(/^…x+out of memory$/);
  expect((tail as string[]).at(-1)).toBe('out of memory');
  expect((tail as string[]).length).toBeLessThan(500);
});

test('whatever a runtime says, an audit row stays small, and names what it left out', () => {
  const anything = fc.dictionary(fc.string({ maxLength: 20 }), fc.anything({ maxDepth: 2 }), {
    maxKeys: 200,
  });
  fc.assert(
    fc.property(anything, fc.nat(300), (values, filler) => {
      const many = Object.fromEntries(
        Array.from({ length: filler }, (_, i) => [`k${i}`, 'y'.repeat(500)]),
      );
      const plain = JSON.parse(JSON.stringify({ ...values, ...many })) as Record<string, unknown>;
      const capped = capDetails(plain);
      const { leftOut = [], ...kept } = capped as { leftOut?: string[] };
      expect(JSON.stringify(kept).length).toBeLessThan(9000);
      const missing = Object.keys(plain).filter((name) => !Object.hasOwn(kept, name));
      expect(leftOut).toEqual(missing.slice(0, 20));
    }),
    { numRuns: 50 },
  );
});

test('a name that JavaScript has a use for is kept like any other', () => {
  const details = JSON.parse('{"__proto__":{"a":1},"constructor":"b"}') as Record<string, unknown>;
  expect(Object.entries(capDetails(details))).toEqual([
    ['__proto__', { a: 1 }],
    ['constructor', 'b'],
  ]);
});
