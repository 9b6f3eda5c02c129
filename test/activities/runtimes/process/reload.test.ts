import { readFileSync } from 'node:fs';
import { waitFor } from '../../../support/wait';
import { createBench, goOn, NODE, request, type Bench } from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.tearDown());

function handling(signal: string): string[] {
  const script = `process.on('${signal}', () => console.log('told')); console.log('ready'); setInterval(() => {}, 60000)`;
  return [NODE, '-e', script];
}

async function said(word: string): Promise<void> {
  await waitFor(word, () => readFileSync(bench.path('stdout.log'), 'utf8').includes(word));
}

test('a reload tells the process by SIGHUP, and it stays the same one', async () => {
  const target = bench.target({ command: handling('SIGHUP') });
  const before = await bench.runtime.ensureRunning(target);
  await said('ready');
  const asked = await request(bench, 'reload', { target });
  expect((await bench.runtime.execute(asked, goOn)).identity).toBe(before?.identity);
  await said('told');
});

test('the signal is the one that the manifest names', async () => {
  const target = bench.target({ command: handling('SIGUSR2'), reload: { signal: 'SIGUSR2' } });
  await bench.runtime.ensureRunning(target);
  await said('ready');
  await bench.runtime.execute(await request(bench, 'reload', { target }), goOn);
  await said('told');
});

test('a begun reload is repeated, because it leaves no trace and does no harm twice', async () => {
  const target = bench.target({ command: handling('SIGHUP') });
  await bench.runtime.ensureRunning(target);
  await said('ready');
  const asked = await request(bench, 'reload', { target });
  await bench.runtime.execute(asked, goOn);
  expect(await bench.runtime.findDone(asked)).toBeNull();
});

test('a process that the signal would end is left alone', async () => {
  const target = bench.target();
  const before = await bench.runtime.ensureRunning(target);
  const asked = await request(bench, 'reload', { target });
  await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
    'does not handle SIGHUP, which would end it',
  );
  expect((await bench.runtime.inspect(target)).identity).toBe(before?.identity);
});

test('what does not run cannot be reloaded', async () => {
  const asked = await request(bench, 'reload', { target: bench.target() });
  await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow('nothing to reload');
});
