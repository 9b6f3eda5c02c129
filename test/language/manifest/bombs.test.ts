/** What is made to cost much is refused for little, and says where. */
import { CATALOGUES } from '../../../activities/catalogue';
import { parseManifests } from '../../../language/manifest/compile';
import { withWork } from '../../support/work';

const BUDGET_MS = 2000;
/** Thousands of good documents are work, and not a bomb; it must only not grow with their square. */
const WORK_MS = 15_000;

function refusal(text: string, budgetMs = BUDGET_MS): { messages: string[]; objects: number } {
  const { answer, workMs } = withWork(() =>
    parseManifests(text, { file: 'bomb.yaml', catalogue: CATALOGUES }),
  );
  const { objects, problems } = answer;
  expect(workMs).toBeLessThan(budgetMs);
  const errors = problems.filter(({ severity }) => severity === 'error');
  return {
    messages: errors.map(({ line, column, message }) => `${line}:${column}: ${message}`),
    objects: objects.length,
  };
}

const SERVICE = (name: string): string =>
  `apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { runtime: { type: process, command: [a] } }\n`;

test('aliases of aliases of aliases', () => {
  const levels = 'bcdefghij'.split('').map((level, i) => {
    const before = 'abcdefghij'[i] ?? '';
    return `${level}: &${level} [${Array(9).fill(`*${before}`).join(', ')}]`;
  });
  const { messages, objects } = refusal(['a: &a [lol, lol]', ...levels].join('\n'));
  expect(objects).toBe(0);
  expect(messages[0]).toMatch(/^1:1: .*aliases cannot be expanded/);
});

test.each([
  ['flow', '[', ''],
  ['blocks', '- ', '\n'],
  ['JSON', '{"a":', ''],
])('ten thousand levels of %s', (_, level) => {
  const { messages } = refusal(level.repeat(10_000));
  expect(messages.join('\n')).toMatch(/nested deeper than 100 levels/);
});

test('fifty megabytes', () => {
  const { messages } = refusal(`# ${'x'.repeat(50 * 1024 * 1024)}`);
  expect(messages).toEqual(['1:1: the file is longer than 1048576 characters']);
});

test('thousands of documents, good ones and bad ones', () => {
  const names = Array.from({ length: 4_000 }, (_, i) => `w${i}`);
  const good = names.map(SERVICE).join('---\n');
  expect(refusal(good, WORK_MS)).toEqual({ messages: [], objects: 4_000 });
  const bad = refusal('apiVersion: vigil.io/v1\nkind: Sevice\n---\n'.repeat(5_000), WORK_MS);
  expect(bad.objects).toBe(0);
  expect(bad.messages.length).toBeGreaterThan(0);
  expect(bad.messages[0]).toMatch(/did you mean "Service"/);
});

test('thousands of twins', () => {
  const twins = Array.from({ length: 4_000 }, () => SERVICE('web')).join('---\n');
  expect(refusal(twins, WORK_MS).messages.length).toBeGreaterThan(0);
});

test('a pattern that would backtrack, and a condition as long as a file', () => {
  const policy = (condition: string) =>
    `apiVersion: vigil.io/v1\nkind: Policy\nmetadata: { name: p }\nspec: { condition: ${JSON.stringify(condition)}, action: notify }\n`;
  expect(refusal(policy(`up{a=~"(a+)+$"} == 0`)).objects).toBe(1);
  expect(refusal(policy(`${'('.repeat(100_000)}up`)).objects).toBe(0);
  expect(refusal(policy(`up${' + up'.repeat(100_000)} > 1`)).objects).toBe(0);
});
