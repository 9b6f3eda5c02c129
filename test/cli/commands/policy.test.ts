import { register } from '../../../cli/commands/policy';
import { runCli, startServer } from '../support';

describe('policy explain', () => {
  test('shows the normal form, when it fires, and what it reads', async () => {
    const text = 'cpu_usage>80% and not (queue{kind="a"} == 0) for 300s';
    const { out, error } = await runCli(register, ['policy', 'explain', text]);
    expect(error).toBeNull();
    expect(out.split('\n').slice(0, 3)).toEqual([
      'condition  cpu_usage > 80% AND NOT queue{kind="a"} == 0',
      'fires      when it was true for 5m',
      'reads      cpu_usage, queue',
    ]);
  });

  test('a condition without for fires at once', async () => {
    const { out } = await runCli(register, ['policy', 'explain', 'backlog > 3']);
    expect(out).toContain('fires      at once');
  });

  test('points at what it cannot read', async () => {
    const { error } = await runCli(register, ['policy', 'explain', 'cpu_usage >> 3']);
    expect(error).toMatchObject({ exitCode: 1 });
    const [text, caret] = (error as Error).message.split('\n');
    expect(text).toBe('cpu_usage >> 3');
    expect(caret).toMatch(/^ {11}\^ ./);
  });

  test('prints the syntax tree with --json', async () => {
    const { out } = await runCli(register, ['policy', 'explain', 'a > 1 for 2s', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      forMs: 2000,
      expression: { kind: 'compare', op: '>' },
    });
  });
});

test('policy list names the file of a policy, or the Service that implies it', async () => {
  const items = [
    { policy: 'default/down', revision: 3, impliedBy: null, source: 'git', file: 'down.yaml' },
    {
      policy: 'default/web:sync',
      revision: 2,
      impliedBy: 'default/web',
      source: 'git',
      file: null,
    },
  ].map((item) => ({ ...item, document: {} }));
  const server = await startServer(() => ({ status: 200, body: { items, nextCursor: null } }));
  const { out } = await runCli(register, ['policy', '--api', server.url]);
  await server.close();
  expect(out).toMatch(/default\/down +3 +down\.yaml/);
  expect(out).toMatch(/default\/web:sync +2 +implied by default\/web/);
});
