import fc from 'fast-check';
import { printExpression, printValue } from '../../../domain/policy/print';
import { parseCondition, parseValue } from '../../../language/expression/parser';
import { expressions, values } from '../../support/conditions';
import { withWork } from '../../support/work';

const WORDS = [
  ...['a', 'AND', 'or', 'not', 'for', 'unless', 'bool', 'by', 'without', 'on', 'is', 'missing'],
  ...['increasing', 'attempts', 'offset', 'sum', 'topk', 'rate', 'clamp', 'time', 'inf', 'NaN'],
  ...['constructor', '__proto__', 'toString', '5m', '3', '0x1f', '1e3', '080', '80%', '"b"', '`'],
  ...['(', ')', '{', '}', '[', ']', '"', "'", '>', '==', '=', '=~', '!~', '%', '-', '+', '^'],
  ...['\\', ',', '@', ':', '#', '\n', '.', '..', 'é', '\u{1f600}', '\ud800'],
];

/** Made once, because making one costs far more than reading it. */
const VALID = [
  ...fc.sample(expressions, 300).map(printExpression),
  ...fc.sample(values, 300).map(printValue),
];

/** A valid text with a piece taken out, put in or repeated. */
const mutated = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.nat(),
    fc.nat(20),
    fc.oneof(fc.constantFrom(...WORDS), fc.string()),
  )
  .map(([text, seed, length, piece]) => {
    const at = text.length === 0 ? 0 : seed % text.length;
    return `${text.slice(0, at)}${piece}${text.slice(at + length)}`;
  });

const soup = fc
  .tuple(fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }), fc.constantFrom('', ' '))
  .map(([words, glue]) => words.join(glue));

/** More than any text of at most a few hundred characters may cost, with a garbage collection. */
const MOST_WORK_MS = 1000;

test('no text makes reading throw, take long, or point outside of the text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    { arbitrary: mutated, weight: 4 },
    { arbitrary: soup, weight: 4 },
  );
  fc.assert(
    fc.property(texts, (text) => {
      const { answer: answers, workMs } = withWork(() => [
        parseCondition(text),
        parseCondition(text, { language: 'promql' }),
        parseValue(text),
      ]);
      expect(workMs).toBeLessThan(MOST_WORK_MS);
      for (const answer of answers) {
        for (const { at, message } of answer.ok ? [] : answer.problems) {
          expect(at >= 0 && at <= text.length && /\S/.test(message)).toBe(true);
        }
      }
    }),
    { numRuns: 10_000 },
  );
}, 60_000);

test('what is read is printed so that it is read again', () => {
  fc.assert(
    fc.property(fc.oneof(mutated, soup), (text) => {
      const parsed = parseCondition(text);
      if (!parsed.ok) return;
      const printed = printExpression(parsed.condition.expression);
      const again = parseCondition(`(${printed}) for 1s`);
      expect(again).toMatchObject({ ok: true, condition: { hash: parsed.condition.hash } });
    }),
    { numRuns: 5000 },
  );
}, 60_000);
