import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGGREGATIONS, SIGNATURES } from '../../../domain/policy/functions/signatures';
import { parseCondition } from '../../../language/expression/parser';

const PAGE = readFileSync(join(__dirname, '../../../docs/policy-language.md'), 'utf8');

/** First and second cell of every row whose both are code. */
const ROWS = [...PAGE.matchAll(/^\| `([^`|]+)`\s+\| `([^`|]+)`\s+\|/gm)].map(
  ([, name = '', example = '']) => ({ name, example }),
);

test.each([...Object.keys(SIGNATURES), ...Object.keys(AGGREGATIONS)])(
  'the page for authors has a row and an example that is read for %s',
  (name) => {
    const row = ROWS.find((one) => one.name === name);
    expect(row?.example).toContain(name);
    expect(parseCondition(`${row?.example ?? ''} != vector(-1)`)).toMatchObject({ ok: true });
  },
);

/** The first column of the table of conditions. */
const CONDITIONS = [...PAGE.matchAll(/^\| `([^`|]+)`\s+\| (?!`)/gm)]
  .map(([, text = '']) => text)
  .filter((text) => /[ _]/.test(text) && !text.includes('['));

test.each(CONDITIONS)('the condition "%s" of the page is read', (text) => {
  expect(parseCondition(text)).toMatchObject({ ok: true });
});
