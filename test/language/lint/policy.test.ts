import { lintPolicy } from '../../../language/lint/policy';
import { condition } from '../../support/conditions';
import { policy } from '../../support/manifest-objects';

function findings(text: string, clear?: string, language: 'vigil' | 'promql' = 'vigil'): string[] {
  const [document] = policy('p').policies;
  if (document === undefined) throw new Error('the object has no policy');
  const cleared = clear === undefined ? {} : { clear: condition(clear, language).expression };
  const whole = { ...condition(text, language), ...cleared };
  return lintPolicy({ ...document, condition: whole }, { retentionMs: 30 * 86_400_000 }).map(
    ({ message }) => message,
  );
}

test.each([
  ['sum(cpu) > 300%'],
  ['sum(cpu) < 200%'],
  ['load1 / cores > 200%'],
  ['increase(restarts[1h]) > 200%'],
  ['count(up == 0) > 0'],
  ['absent(x) == 1'],
  ['absent(x) > 0'],
  ['scale_up == 3'],
  ['delta_bytes < 0'],
  ['x > 5 AND x < 30'],
  ['x < 3 OR x > 5'],
])('nothing is said of "%s"', (text) => {
  expect(findings(text)).toEqual([]);
});

test.each([
  ['http_up < 1', 'http_up == 1'],
  ['errors > 0', 'errors == 0'],
  ['cpu_usage > 80%', 'cpu_usage < 60%'],
  ['cpu_usage >= 80%', 'cpu_usage < 80%'],
])('"%s" may be cleared by "%s"', (text, clear) => {
  expect(findings(text, clear)).toEqual([]);
});

test('a filter of PromQL keeps the value of its vector', () => {
  expect(findings('(5 < x) > 10', undefined, 'promql')).toEqual([]);
  expect(findings('x > 5', undefined, 'promql')).toEqual([]);
});

test.each([
  ['cpu_usage > 150%', 'never holds: cpu_usage is never above 1.5'],
  ['abs(x) < 0', 'never holds: abs(x) is never below 0'],
  ['NOT abs(x) < 0', 'always holds: abs(x) is never below 0'],
  ['errors_total < 0 OR http_up > 1', 'never holds: errors_total is never below 0'],
  ['clamp(x, 0, 5) > 5 for 3m', 'never holds: clamp(x, 0, 5) is always between 0 and 5'],
  ['x >= 5 AND abs(y) >= 0 OR abs(y) >= 0', 'always holds: abs(y) is never below 0'],
])('of "%s" it is said that it %s', (text, message) => {
  expect(findings(text)).toEqual([message]);
});
