import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemdRuntime } from '../../../../activities/runtimes/systemd/runtime';
import type { ExecuteRequest, Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import type { SystemdSpec } from '../../../../domain/runtime-spec';
import type { Manager } from './manager';

export interface Bench {
  home: string;
  runtime: Runtime;
  unit: string;
  target: (overrides?: Partial<SystemdSpec>) => RuntimeTarget;
  /** systemctl, as somebody else would use it. */
  systemctl: (...args: string[]) => string;
  /** Lines that the unit wrote: what happened, counted in the world. */
  notes: () => string[];
  request: (action: string, key?: string) => Promise<ExecuteRequest>;
  tearDown: () => void;
}

export const goOn = new AbortController().signal;

let made = 0;

/** A home and a unit of its own; `service` is the unit's [Service] section, NOTES its file of notes. */
export function createBench(manager: Manager, service: string): Bench {
  const home = mkdtempSync(join(tmpdir(), 'vigil-unit-'));
  const unit = `test-of-vigil-${process.pid}-${++made}.service`;
  const notes = join(home, 'notes');
  writeFileSync(notes, '');
  manager.addUnit(
    unit,
    `[Unit]\nStartLimitIntervalSec=0\n[Service]\n${service.replaceAll('NOTES', notes)}`,
  );
  const { scope, systemctl, journalctl } = manager;
  const runtime = createSystemdRuntime({ home, now: Date.now, systemctl, journalctl });
  const flags = scope === 'user' ? ['--user'] : [];
  const target: Bench['target'] = (overrides = {}) => ({
    resource: 'test/web',
    spec: {
      ...{ hosts: [], labels: {}, healthCheck: null, config: [] },
      sync: { mode: 'detect', cooldownMs: 0 },
      runtime: { type: 'systemd', unit, scope, ...overrides },
    },
  });
  const run: Bench['systemctl'] = (...args) => {
    const [program = '', ...first] = [...systemctl, ...flags];
    return execFileSync(program, [...first, ...args], {
      env: process.env,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  };
  return {
    ...{ home, runtime, unit, target, systemctl: run },
    notes: () => (existsSync(notes) ? readFileSync(notes, 'utf8').split('\n').filter(Boolean) : []),
    request: async (action, key = '0b5e5c1e-0000-4000-8000-000000000001/0') => ({
      ...{ key, step: { action, params: {} }, target: target() },
      snapshot: await runtime.inspect(target()),
    }),
    tearDown() {
      // Refused for a unit that failed already, or that systemd forgot.
      for (const job of ['stop', 'reset-failed']) {
        const [program = '', ...first] = systemctl;
        spawnSync(program, [...first, ...flags, job, unit], { env: process.env, stdio: 'ignore' });
      }
      manager.removeUnit(unit);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
