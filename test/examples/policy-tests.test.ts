import { join } from 'node:path';
import { register } from '../../cli/commands/policy';
import { runCli } from '../cli/support';

test('the tests of the demo hold', async () => {
  const file = join(__dirname, '../../examples/policy-tests/web.yaml');
  const { out, error } = await runCli(register, ['policy', 'test', file]);
  expect(out).toBe('5 passed, 0 failed in 1 file\n');
  expect(error).toBeNull();
});
