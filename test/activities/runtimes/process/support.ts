import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createProcessRuntime,
  type ProcessRuntime,
  type ProcessRuntimeDeps,
} from '../../../../activities/runtimes/process/runtime';
import type { ExecuteRequest, RuntimeTarget } from '../../../../domain/action/runtime';
import type { ServiceSpec } from '../../../../domain/resource';
import type { ProcessSpec } from '../../../../domain/runtime-spec';
import { readEnvironment } from '../../../../platform/procfs';

export const NODE = process.execPath;
/** Runs until it is told to end. */
export const SLEEPER = [NODE, '-e', 'setInterval(() => {}, 60000)'];

export interface Bench {
  home: string;
  runtime: ProcessRuntime;
  /** `overrides` of the runtime part and of the service part. */
  target: (
    process?: Partial<ProcessSpec>,
    service?: Partial<Omit<ServiceSpec, 'runtime'>>,
  ) => RuntimeTarget;
  path: (...parts: string[]) => string;
  tearDown: () => Promise<void>;
}

/** A home of its own; its processes are ended by tearDown. */
export function createBench(deps: Partial<ProcessRuntimeDeps> = {}): Bench {
  const home = mkdtempSync(join(tmpdir(), 'vigil-process-'));
  const runtime = createProcessRuntime({ home, now: () => Date.now(), ...deps });
  const target: Bench['target'] = (process = {}, service = {}) => ({
    resource: 'test/web',
    spec: {
      hosts: [],
      labels: {},
      healthCheck: null,
      config: [],
      sync: { mode: 'heal', cooldownMs: 0 },
      ...service,
      runtime: {
        type: 'process',
        command: SLEEPER,
        env: {},
        cwd: home,
        stopWithVigil: true,
        ...process,
      },
    },
  });
  return {
    home,
    runtime,
    target,
    path: (...parts) => join(home, 'run', 'test', 'web', ...parts),
    async tearDown() {
      await runtime.stop(target());
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export async function request(
  bench: Bench,
  action: string,
  given: { target: RuntimeTarget; key?: string },
): Promise<ExecuteRequest> {
  return {
    key: given.key ?? '0b5e5c1e-0000-4000-8000-000000000001/0',
    step: { action, params: {} },
    target: given.target,
    snapshot: await bench.runtime.inspect(given.target),
  };
}

export const goOn = new AbortController().signal;

export function pidOf(identity: string | null | undefined): number {
  return Number(identity?.split(':')[1]);
}

export function variableOf(identity: string | null | undefined, name: string): string | undefined {
  return readEnvironment(pidOf(identity))?.get(name);
}
