import { fillVariables } from '../../../language/manifest/variables';

test.each([
  ['port: ${VIGIL_DEMO_PORT:-18080}', { VIGIL_DEMO_PORT: '18180' }, 'port: 18180'],
  ['port: ${VIGIL_DEMO_PORT:-18080}', {}, 'port: 18080'],
  ['port: ${VIGIL_DEMO_PORT:-18080}', { VIGIL_DEMO_PORT: '' }, 'port: 18080'],
  ['a ${VIGIL_A:-1} b ${VIGIL_B:-2}', { VIGIL_B: 'x' }, 'a 1 b x'],
  [
    '${HOME:-x} ${VIGIL_A} $VIGIL_A',
    { HOME: '/root', VIGIL_A: '1' },
    '${HOME:-x} ${VIGIL_A} $VIGIL_A',
  ],
])('%s with %j becomes %s', (text, variables, expected) => {
  expect(fillVariables(text, variables)).toBe(expected);
});
