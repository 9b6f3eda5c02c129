import { register } from '../../../cli/commands/policy';
import { runCli, startServer } from '../support';

describe('policy explain', () => {
  test('shows the normal form, when it fires, and what it reads', async () => {
    const text = 'cpu_usage>80% and not (queue{kind="a"} == 0) for 300s';
    const { out, error } = await runCli(register, ['policy', 'explain', text]);
    expect(error).toBeNull();
    expect(out).toContain('condition   cpu_usage > 80% AND NOT queue{kind="a"} == 0 for 5m\n');
    expect(out).toContain('fires       once it has been true for 5m without a break\n');
    expect(out).toContain("reads       cpu_usage, queue of the policy's target alone\n");
    expect(out).toContain('looks back  10m\n');
  });

  test('a condition without for fires at once', async () => {
    const { out } = await runCli(register, ['policy', 'explain', 'backlog > 3']);
    expect(out).toContain('fires       as soon as it is true\n');
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

  test('--promql reads set operators and seconds as PromQL does', async () => {
    const text = 'a unless rate(b[300]) > 5';
    const { out } = await runCli(register, ['policy', 'explain', '--promql', text]);
    expect(out).toContain('condition   a unless rate(b[5m]) > 5\n');
    expect((await runCli(register, ['policy', 'explain', text])).error).not.toBeNull();
  });

  test('a condition that no policy may have is explained, and the command fails', async () => {
    const { out, error } = await runCli(register, ['policy', 'explain', 'cpu > 150%']);
    expect(out).toContain('cpu > 150%\n^ error: never holds: cpu is never above 1.5\n');
    expect(error).toMatchObject({ exitCode: 1 });
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
