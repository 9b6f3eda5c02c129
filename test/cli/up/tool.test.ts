import { runTool } from '../../../cli/up/tool';

const run = (script: string, more: Partial<Parameters<typeof runTool>[0]> = {}) =>
  runTool({
    command: process.execPath,
    args: ['-e', script],
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    ...more,
  });

test('the lines of standard output are returned', async () => {
  await expect(run('console.log("a\\nb")')).resolves.toEqual(['a', 'b']);
});

test('a program that fails throws its last lines', async () => {
  await expect(run('console.error("no network"); process.exit(3)')).rejects.toThrow('no network');
});

test('a program that makes no progress is given up', async () => {
  const stall = { afterMs: 100, progress: () => 7 };
  await expect(run('setInterval(() => {}, 1000)', { stall })).rejects.toThrow(
    'no progress for 0.1 s',
  );
});

test('a program that is called off ends', async () => {
  const controller = new AbortController();
  const ended = run('console.error("up"); setInterval(() => {}, 1000)', {
    signal: controller.signal,
    onLine: () => {
      controller.abort(new Error('called off'));
    },
  });
  await expect(ended).rejects.toThrow('called off');
});
