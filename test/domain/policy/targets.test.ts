import { isTarget, matchesGlob } from '../../../domain/policy/targets';
import { withWork } from '../../support/work';

test.each([
  ['*', 'anything', true],
  ['web', 'web', true],
  ['web', 'web2', false],
  ['web-*', 'web-1', true],
  ['web-*', 'web', false],
  ['*-db', 'shop-db', true],
  ['w?b', 'wab', true],
  ['w?b', 'wb', false],
  ['a*b*c', 'aXXbYYc', true],
  ['a*b*c', 'aXXbYY', false],
  ['', 'web', false],
  ['a.b', 'axb', false],
])('the pattern "%s" and the name "%s" match: %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});

test('a hostile pattern is answered quickly', () => {
  const { answer, workMs } = withWork(() =>
    matchesGlob('*a'.repeat(200), 'a'.repeat(10_000) + 'b'),
  );
  expect(answer).toBe(false);
  expect(workMs).toBeLessThan(1000);
});

const member = {
  namespace: 'shop',
  name: 'web@a',
  service: 'web',
  labels: { tier: 'web', rank: '1' },
};

test.each([
  ['shop', 'web', {}, true],
  ['shop', 'web@a', {}, true],
  ['shop', 'web@b', {}, false],
  ['shop', '*', { tier: 'web' }, true],
  ['shop', '*', { tier: 'db' }, false],
  ['shop', '*', { other: 'x' }, false],
  ['default', '*', {}, false],
])(
  'a policy in %s for "%s" with labels %j means a member of shop/web: %s',
  (namespace, name, labels, expected) => {
    expect(isTarget({ namespace, target: { name, labels } }, member)).toBe(expected);
  },
);
