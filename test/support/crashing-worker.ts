import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DEFAULT_CONSTANTS } from '../../activities';
import { createProcessRuntime } from '../../activities/runtimes/process/runtime';
import { createScriptRuntime } from '../../activities/runtimes/script/runtime';
import { createWebhookRuntime } from '../../activities/runtimes/webhook/runtime';
import type { Runtime } from '../../domain/action/runtime';
import { createLogger } from '../../platform/logger';
import { createPool } from '../../storage/database';
import { createControlWorker } from '../../workers/control';
import { APPROVAL_KEY, BUNDLE } from './control-plane';

/** A worker in a process of its own that SIGKILLs itself once at a point of `execute`. */
export type CrashPoint = 'never' | 'before' | 'during' | 'after';

interface Settings {
  databaseUrl: string;
  address: string;
  namespace: string;
  home: string;
  crash: CrashPoint;
}

async function main(settings: Settings): Promise<void> {
  const pool = createPool({ url: settings.databaseUrl, poolSize: 5, name: 'crashing' });
  const connection = await Connection.connect({ address: settings.address });
  const { worker } = await createControlWorker({
    target: { connection: { address: settings.address }, namespace: settings.namespace },
    maxCachedWorkflows: 20,
    bundlePath: BUNDLE,
    deps: {
      pool,
      temporal: new Client({ connection, namespace: settings.namespace }),
      logger: createLogger('crashing', 'fatal'),
      home: settings.home,
      runtimes: new Map(
        runtimesOf(settings.home).map((runtime) => [
          runtime.catalogue.type,
          crashingOnce(runtime, settings),
        ]),
      ),
      approvalKey: () => APPROVAL_KEY,
      allowUnsignedSignals: true,
      hasSearchAttributes: true,
      constants: DEFAULT_CONSTANTS,
    },
  });
  process.send?.('ready');
  await worker.run();
}

function runtimesOf(home: string): Runtime[] {
  return [
    createProcessRuntime({ home, now: Date.now }),
    createScriptRuntime({ folders: [home], now: Date.now }),
    createWebhookRuntime({ allowPrivate: ['127.0.0.1'], now: Date.now }),
  ];
}

function crashingOnce(runtime: Runtime, { home, crash }: Settings): Runtime {
  return {
    ...runtime,
    async execute(request, signal) {
      if (crash === 'before') dieOnce(home);
      // What is acted on says when it is in the middle, and takes its time from then on.
      const dying =
        crash === 'during'
          ? setInterval(() => {
              if (existsSync(join(home, 'midway'))) dieOnce(home);
            }, 10)
          : undefined;
      const result = await runtime.execute(request, signal);
      clearInterval(dying);
      if (crash !== 'never') dieOnce(home);
      return result;
    },
  };
}

function dieOnce(home: string): void {
  const marker = join(home, 'died');
  if (existsSync(marker)) return;
  writeFileSync(marker, '');
  process.kill(process.pid, 'SIGKILL');
}

void main(JSON.parse(readFileSync(0, 'utf8')) as Settings);
