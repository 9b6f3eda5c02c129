import { formatProblem, suggest } from '../../language/problem';

test('a problem is printed as file:line:col: message', () => {
  const problem = {
    file: 'a.yaml',
    line: 3,
    column: 7,
    message: 'wrong',
    severity: 'error',
  } as const;
  expect(formatProblem(problem)).toBe('a.yaml:3:7: wrong');
});

test.each([
  ['restrat', 'restart'],
  ['warn', 'warning'],
  ['Restart', 'restart'],
  ['cooldwn', 'cooldown'],
])('%s is taken for a slip of %s', (word, meant) => {
  expect(suggest(word, ['scale', 'restart', 'warning', 'cooldown'])).toBe(
    `; did you mean "${meant}"?`,
  );
});

test('a word that resembles nothing gets no suggestion', () => {
  expect(suggest('teleport', ['restart', 'sync'])).toBe('');
  expect(suggest('x'.repeat(100_000), ['restart'])).toBe('');
});
