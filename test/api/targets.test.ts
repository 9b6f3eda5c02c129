import { checkStep } from '../../api/targets';
import type { ScriptSpec } from '../../domain/runtime-spec';
import { serviceSpec } from '../support/manifest-objects';

const runtime: ScriptSpec = {
  type: 'script',
  actions: { 'flush-cache': { command: ['./flush.sh'], timeoutMs: 1000, idempotent: false } },
  inspect: null,
  env: { allow: [], set: {} },
  cwd: null,
};

const resource = { resource: 'shop/web', spec: serviceSpec({ runtime }) };

test('a Service that names its own verbs takes them, with parameters', () => {
  expect(checkStep(resource, 'flush-cache', { to: 3 })).toEqual({
    action: 'flush-cache',
    params: { to: 3 },
  });
});

test('it takes no other, and says what it has', () => {
  expect(() => checkStep(resource, 'restart', {})).toThrow('runtime script cannot restart');
  let problems: unknown;
  try {
    checkStep(resource, 'restart', {});
  } catch (error) {
    problems = error;
  }
  expect(JSON.stringify(problems)).toContain('known: flush-cache');
});
