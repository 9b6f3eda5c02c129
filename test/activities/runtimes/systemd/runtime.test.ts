import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConfigRuntime } from '../../../../activities/runtimes/config/runtime';
import { UnknownEffectError, type RuntimeTarget } from '../../../../domain/action/runtime';
import type { ConfigReload } from '../../../../domain/runtime-spec';
import { waitFor } from '../../../support/wait';
import { describeLive, startManager, type Manager } from './manager';
import { createBench, goOn, type Bench } from './support';

const SERVICE = `
ExecStartPre=/bin/sh -c 'echo starting >> NOTES; echo hello from the unit'
ExecStart=/bin/sleep 1000
ExecReload=/bin/sh -c 'echo reloading >> NOTES'
`;

describeLive('units of a real systemd', () => {
  let manager: Manager;
  const benches: Bench[] = [];
  beforeAll(async () => {
    manager = await startManager();
  });
  afterEach(() => {
    for (const bench of benches.splice(0)) bench.tearDown();
  });
  afterAll(() => manager.stop());

  function make(service = SERVICE): Bench {
    const bench = createBench(manager, service);
    benches.push(bench);
    return bench;
  }

  function started(service = SERVICE): Bench {
    const bench = make(service);
    bench.systemctl('start', bench.unit);
    return bench;
  }

  test('what is observed names state, exit code and automatic restarts', async () => {
    const bench = started();
    expect(await bench.runtime.observe(bench.target())).toMatchObject({
      isRunning: true,
      health: 'healthy',
      details: { state: 'active (running)', automaticRestarts: 0, exitStatus: 0 },
    });
    bench.systemctl('kill', '--signal=SIGKILL', bench.unit);
    await waitFor('its end', async () => !(await bench.runtime.observe(bench.target())).isRunning);
    expect(await bench.runtime.observe(bench.target())).toMatchObject({
      identity: null,
      health: 'unhealthy',
      details: { state: 'failed (failed)', result: 'signal', exitStatus: 9 },
    });
  });

  test('a restart tells the last lines of the journal', async () => {
    const bench = started();
    const { details } = await bench.runtime.execute(await bench.request('restart'), goOn);
    expect(JSON.stringify(details?.['journal'])).toContain('hello from the unit');
  });

  test('start and stop do what is left to do, and are known by what stands', async () => {
    const bench = make();
    const start = await bench.request('start');
    expect(await bench.runtime.findDone(start)).toBeNull();
    const { identity } = await bench.runtime.execute(start, goOn);
    expect(await bench.runtime.findDone(start)).toMatchObject({ identity });
    expect(await bench.runtime.execute(start, goOn)).toMatchObject({ identity });
    expect(bench.notes()).toEqual(['starting']);

    const stop = await bench.request('stop');
    expect(await bench.runtime.findDone(stop)).toBeNull();
    expect(await bench.runtime.execute(stop, goOn)).toMatchObject({ identity: null });
    expect(await bench.runtime.findDone(stop)).toMatchObject({ identity: null });
  });

  test('a stop leaves alone what was started anew since the snapshot', async () => {
    const bench = started();
    const late = await bench.request('stop');
    bench.systemctl('restart', bench.unit);
    await expect(bench.runtime.execute(late, goOn)).rejects.toThrow('target changed');
    expect((await bench.runtime.observe(bench.target())).isRunning).toBe(true);
  });

  test('a reload keeps the identity, and a begun one is done once more', async () => {
    const bench = started();
    const asked = await bench.request('reload');
    const { identity } = await bench.runtime.execute(asked, goOn);
    expect(identity).toBe(asked.snapshot.identity);
    expect(bench.notes()).toEqual(['starting', 'reloading']);
    expect(await bench.runtime.findDone(asked)).toBeNull();
  });

  test('a reload of what cannot reload is an error that says so', async () => {
    const bench = started('ExecStart=/bin/sleep 1000');
    await expect(bench.runtime.execute(await bench.request('reload'), goOn)).rejects.toThrow(
      'has no ExecReload',
    );
  });

  test('a unit that failed is forgotten to have failed by reset-failed', async () => {
    const bench = make('ExecStart=/bin/false');
    bench.systemctl('start', bench.unit);
    await waitFor(
      'its failure',
      async () => (await bench.runtime.observe(bench.target())).health === 'unhealthy',
    );
    await bench.runtime.execute(await bench.request('reset_failed'), goOn);
    expect((await bench.runtime.observe(bench.target())).health).toBeNull();
  });

  test('a start that fails is an error with the exit code and the last line', async () => {
    const bench = make(`Type=oneshot\nExecStart=/bin/sh -c 'echo no port left; exit 7'`);
    await expect(bench.runtime.execute(await bench.request('start'), goOn)).rejects.toThrow(
      /failed \(failed\): exit-code, status 7; its last line: .*/,
    );
  });

  test('a unit that systemd itself keeps restarting stays a target', async () => {
    const bench = make(
      `ExecStartPre=/bin/sh -c 'echo starting >> NOTES'\nExecStart=/bin/false\nRestart=always\nRestartSec=100ms`,
    );
    bench.systemctl('start', '--no-block', bench.unit);
    await waitFor('a second start', () => bench.notes().length >= 2);
    const asked = await bench.request('restart');
    const before = bench.notes().length;
    await waitFor('another start', () => bench.notes().length > before);
    await expect(bench.runtime.execute(asked, goOn)).resolves.toMatchObject({
      summary: expect.stringContaining('was restarted') as string,
    });
  });

  test('a unit that is not there is named', async () => {
    const bench = make();
    const target = bench.target({ unit: 'nowhere-at-all.service' });
    const asked = { ...(await bench.request('restart')), target };
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
      /cannot act on nowhere-at-all.service: it is not-found/,
    );
  });

  describe('sync', () => {
    function withFile(bench: Bench, content: string): RuntimeTarget {
      const path = join(bench.home, 'web.ini');
      const { resource, spec } = bench.target();
      return { resource, spec: { ...spec, config: [{ kind: 'content', path, content }] } };
    }

    test('writes what differs and reloads once, and starts what is not active', async () => {
      const bench = make();
      const first = { ...(await bench.request('sync')), target: withFile(bench, 'a=1') };
      expect(await bench.runtime.findDone(first)).toBeNull();
      await bench.runtime.execute(first, goOn);
      expect(bench.notes()).toEqual(['starting']);
      const second = { ...(await bench.request('sync', 'b/0')), target: withFile(bench, 'a=2') };
      await bench.runtime.execute(second, goOn);
      await bench.runtime.execute(second, goOn);
      expect(bench.notes()).toEqual(['starting', 'reloading']);
      expect(readFileSync(join(bench.home, 'web.ini'), 'utf8')).toBe('a=2');
      expect(await bench.runtime.findDone(second)).not.toBeNull();
    });

    test('where that it is up is ignored, the files are written and the unit is left alone', async () => {
      const bench = make();
      const settled = [{ pointer: '/running', value: false, from: 'observed' as const }];
      const target = { ...withFile(bench, 'a=1'), settled };
      const asked = { ...(await bench.request('sync')), target };
      const { summary } = await bench.runtime.execute(asked, goOn);
      expect(summary).toContain('is not up, which its manifest ignores; wrote');
      expect(bench.notes()).toEqual([]);
      expect(readFileSync(join(bench.home, 'web.ini'), 'utf8')).toBe('a=1');
      expect(await bench.runtime.findDone(asked)).not.toBeNull();
    });

    test('tells the unit once more where it may not have been told', async () => {
      const bench = started();
      const target = withFile(bench, 'a=1');
      const asked = { ...(await bench.request('sync')), target };
      await bench.runtime.execute(asked, goOn);
      const path = join(bench.home, 'run/test/web/systemd.json');
      const from = asked.snapshot.identity;
      writeFileSync(path, JSON.stringify({ key: asked.key, from, isDone: false }));
      expect(await bench.runtime.findDone(asked)).toBeNull();
      await bench.runtime.execute(asked, goOn);
      expect(bench.notes()).toEqual(['starting', 'reloading', 'reloading']);
    });
  });

  test('runtime config has a unit reload its files', async () => {
    const bench = started();
    const { scope, systemctl } = manager;
    const runtime = createConfigRuntime({
      home: bench.home,
      now: Date.now,
      systemd: { systemctl },
    });
    const target = withReload(bench, { unit: bench.unit, scope });
    const asked = { ...(await bench.request('reload')), target };
    const { summary } = await runtime.execute(asked, goOn);
    expect(summary).toBe(`wrote nothing; reloaded ${bench.unit}`);
    expect(bench.notes()).toEqual(['starting', 'reloading']);
  });

  function withReload(bench: Bench, reload: ConfigReload): RuntimeTarget {
    const { resource, spec } = bench.target();
    return { resource, spec: { ...spec, runtime: { type: 'config', reload } } };
  }

  describe('after a crash', () => {
    test('a restart whose end was not written down is found by the new invocation', async () => {
      const bench = started();
      const asked = await bench.request('restart');
      const { identity } = await bench.runtime.execute(asked, goOn);
      const path = join(bench.home, 'run/test/web/systemd.json');
      const record = JSON.parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, JSON.stringify({ ...record, isDone: false }));
      expect(await bench.runtime.findDone(asked)).toMatchObject({ identity });
      expect(bench.notes()).toEqual(['starting', 'starting']);
    });

    test('a restart that was written down and not done is done', async () => {
      const bench = started();
      const asked = await bench.request('restart');
      await bench.runtime.execute(asked, goOn);
      const second = await bench.request('restart', 'another/0');
      const path = join(bench.home, 'run/test/web/systemd.json');
      const from = second.snapshot.identity;
      writeFileSync(path, JSON.stringify({ key: 'another/0', from, isDone: false }));
      expect(await bench.runtime.findDone(second)).toBeNull();
      await bench.runtime.execute(second, goOn);
      expect(bench.notes()).toHaveLength(3);
    });

    test('of a unit that systemd has forgotten nobody can tell', async () => {
      const bench = make('Type=oneshot\nExecStart=/bin/true');
      const asked = await bench.request('restart');
      await bench.runtime.execute(asked, goOn);
      const path = join(bench.home, 'run/test/web/systemd.json');
      writeFileSync(path, JSON.stringify({ key: asked.key, from: null, isDone: false }));
      expect(await bench.runtime.findDone(asked)).toBe('unknowable');
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(UnknownEffectError);
    });

    test('without the record, a unit restarted since is left alone', async () => {
      const bench = started();
      const asked = await bench.request('restart');
      await bench.runtime.execute(asked, goOn);
      rmSync(join(bench.home, 'run/test/web/systemd.json'));
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow('target changed');
    });
  });

  test("Vigil's own units are refused by name, unless the manifest allows it", async () => {
    const bench = started();
    const unit = `vigil-${process.pid}.service`;
    manager.addUnit(unit, '[Service]\nExecStart=/bin/sleep 1000');
    const target = bench.target({ unit });
    const asked = { ...(await bench.request('restart')), target };
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow("one of Vigil's units");
    const allowed = { ...asked, target: bench.target({ unit, allowSelf: true }) };
    const request = { ...allowed, snapshot: await bench.runtime.inspect(target) };
    expect((await bench.runtime.execute(request, goOn)).identity).not.toBeNull();
    bench.systemctl('stop', unit);
    manager.removeUnit(unit);
  });
});
