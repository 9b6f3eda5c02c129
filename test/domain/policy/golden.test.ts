import { join } from 'node:path';
import { readRules, readValues, ruleDifferences, valueDifferences } from '../../oracle/golden';

const FOLDER = join(__dirname, 'golden');

/** Recorded by `npm run oracle -- --write`; here no promtool is needed. */
describe('answers that promtool of Prometheus 3 gave', () => {
  const values = readValues(FOLDER);
  const rules = readRules(FOLDER);

  it('are many', () => {
    expect(values.flatMap(({ answers }) => answers).length).toBeGreaterThan(500);
    expect(rules.flatMap((group) => group.rules).length).toBeGreaterThan(50);
  });

  it.each(values.map((one, i) => ({ one, title: `${i + 1}: ${one.dataset.name}` })))(
    'are those of Vigil to the questions about dataset $title',
    ({ one }) => {
      expect(valueDifferences(one)).toEqual([]);
    },
  );

  it.each(rules.map((one, i) => ({ one, title: `${i + 1}, every ${one.tickMs} ms` })))(
    'fire the alerts that Vigil fires: group $title',
    ({ one }) => {
      expect(ruleDifferences(one)).toEqual([]);
    },
  );
});
