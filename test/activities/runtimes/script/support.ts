import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  createScriptRuntime,
  type ScriptRuntimeDeps,
} from '../../../../activities/runtimes/script/runtime';
import type { ExecuteRequest, Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import type { StepParams } from '../../../../domain/policy/policy';
import type { ScriptAction, ScriptSpec } from '../../../../domain/runtime-spec';
import { serviceSpec } from '../../../support/manifest-objects';

export const KEY = '0b5e5c1e-0000-4000-8000-000000000001/0';
export const goOn = new AbortController().signal;

export interface Bench {
  /** Holds everything of the test; `scripts` below it is the one allowed folder. */
  home: string;
  scripts: string;
  runtime: Runtime;
  /** Writes a program for /bin/sh below `home`, by default into the allowed folder. */
  write: (name: string, body: string) => string;
  target: (
    action: Partial<ScriptAction>,
    given?: { spec?: Partial<ScriptSpec>; labels?: Record<string, string>; resource?: string },
  ) => RuntimeTarget;
  /** Runs the action `fix`. */
  act: (
    target: RuntimeTarget,
    given?: { signal?: AbortSignal; params?: StepParams },
  ) => ReturnType<Runtime['execute']>;
  request: (target: RuntimeTarget, params?: StepParams) => Promise<ExecuteRequest>;
  tearDown: () => void;
}

export function createBench(deps: Partial<ScriptRuntimeDeps> = {}): Bench {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'vigil-script-')));
  const scripts = join(home, 'scripts');
  mkdirSync(scripts);
  const runtime = createScriptRuntime({
    folders: [scripts],
    now: Date.now,
    killAfterMs: 500,
    ...deps,
  });
  const bench: Bench = {
    home,
    scripts,
    runtime,
    write(name, body) {
      const path = join(scripts, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `#!/bin/sh\n${body}\n`);
      chmodSync(path, 0o755);
      return path;
    },
    target: (action, { spec = {}, labels = {}, resource = 'test/web' } = {}) => ({
      resource,
      spec: serviceSpec({
        labels,
        runtime: {
          type: 'script',
          actions: {
            fix: { command: ['./fix.sh'], timeoutMs: 10_000, idempotent: false, ...action },
          },
          inspect: null,
          env: { allow: ['PATH'], set: {} },
          cwd: null,
          ...spec,
        },
      }),
    }),
    async request(target, params = {}) {
      const snapshot = await runtime.inspect(target);
      return { key: KEY, step: { action: 'fix', params }, target, snapshot };
    },
    act: async (target, { signal = goOn, params = {} } = {}) =>
      runtime.execute(await bench.request(target, params), signal),
    tearDown() {
      rmSync(home, { recursive: true, force: true });
    },
  };
  return bench;
}
