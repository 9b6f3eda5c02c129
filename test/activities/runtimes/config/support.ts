import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createConfigRuntime,
  type ConfigRuntimeDeps,
} from '../../../../activities/runtimes/config/runtime';
import type { ExecuteRequest, Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import type { ConfigFile } from '../../../../domain/resource';
import type { ConfigReload } from '../../../../domain/runtime-spec';

export const KEY = '0b5e5c1e-0000-4000-8000-000000000001/0';
export const goOn = new AbortController().signal;

export interface Bench {
  home: string;
  runtime: Runtime;
  /** A path in the bench's folder. */
  path: (...parts: string[]) => string;
  read: (name: string) => string;
  exists: (name: string) => boolean;
  write: (name: string, content: string) => void;
  /** A file of the manifest with this content. */
  file: (name: string, content: string, more?: Pick<ConfigFile, 'mode' | 'owner'>) => ConfigFile;
  target: (config: ConfigFile[], reload?: ConfigReload) => RuntimeTarget;
  request: (target: RuntimeTarget, action?: string) => Promise<ExecuteRequest>;
  /** Notes a line at each call; fails where the first file says `broken`. */
  reloadCommand: () => { command: string[] };
  reloads: () => number;
  tearDown: () => void;
}

export function createBench(deps: Partial<ConfigRuntimeDeps> = {}): Bench {
  const home = mkdtempSync(join(tmpdir(), 'vigil-config-'));
  const runtime = createConfigRuntime({ home: join(home, 'vigil'), now: Date.now, ...deps });
  const path: Bench['path'] = (...parts) => join(home, ...parts);
  const read: Bench['read'] = (name) => readFileSync(path(name), 'utf8');
  writeFileSync(
    path('reload.cjs'),
    `const { appendFileSync, readFileSync } = require('node:fs');
     appendFileSync(process.argv[2], process.env.VIGIL_ACTION_ID + '\\n');
     if (readFileSync(process.argv[3], 'utf8').includes('broken')) {
       console.error('line 1 is broken');
       process.exit(3);
     }
     console.log('reloaded');`,
  );
  return {
    ...{ home, runtime, path, read },
    exists: (name) => existsSync(path(name)),
    write(name, content) {
      writeFileSync(path(name), content);
    },
    file: (name, content, more = {}) => ({ kind: 'content', path: path(name), content, ...more }),
    target: (config, reload) => ({
      resource: 'test/web',
      spec: {
        ...{ hosts: [], labels: {}, healthCheck: null, config },
        sync: { mode: 'heal', cooldownMs: 0 },
        runtime: { type: 'config', ...(reload === undefined ? {} : { reload }) },
      },
    }),
    request: async (target, action = 'sync') => ({
      ...{ key: KEY, step: { action, params: {} }, target },
      snapshot: await runtime.inspect(target),
    }),
    reloadCommand: () => ({
      command: [process.execPath, path('reload.cjs'), path('reloads'), path('a.ini')],
    }),
    reloads: () =>
      existsSync(path('reloads')) ? read('reloads').split('\n').filter(Boolean).length : 0,
    tearDown() {
      rmSync(home, { recursive: true, force: true });
    },
  };
}
