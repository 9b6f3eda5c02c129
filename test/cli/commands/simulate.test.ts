import { register } from '../../../cli/commands/simulate';
import { runCli, startServer, type TestServer } from '../support';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(() => ({ status: 500, body: { detail: 'not to be asked' } }));
});
afterAll(() => server.close());

test.each([
  ['an unknown simulation', ['fire'], 'unknown simulation "fire"'],
  ['a target without --yes', ['crash', '--target', 'web'], 'kill -9 of its process'],
  ['a gap in somebody else’s series', ['gap', '--target', 'web', '--yes'], 'takes no --target'],
  ['more than it should make', ['crash', '--count', '500'], 'from 1 to 20'],
  ['a timeout that is none', ['crash', '--timeout', 'soon'], '--timeout must be'],
])('%s is a usage error before anything happens', async (_, args, words) => {
  const { error } = await runCli(register, ['simulate', ...args, '--api', server.url]);
  expect(error).toMatchObject({ exitCode: 2 });
  expect(String(error)).toContain(words);
  expect(server.seen).toEqual([]);
});
