import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFileJournal, type FileJournal } from '../../activities/journal-file';
import type { Runtime } from '../../domain/action/runtime';
import { createHostWorker, journalId } from '../../workers/host';
import { createCountingRuntime } from './counting-runtime';

/** Where in the life of an effect a worker dies, in order. */
export type Death = 'locked' | 'begun' | 'effect' | 'ended';

export interface EffectSettings {
  address: string;
  namespace: string;
  host: string;
  home: string;
  /** By resource. */
  deaths: Record<string, Death>;
}

/** A host worker that SIGKILLs itself once for each resource, at the resource's point. */
async function main(settings: EffectSettings): Promise<void> {
  const { address, namespace, host, home } = settings;
  const journal = await openFileJournal({ folder: join(home, 'journal'), now: Date.now });
  const { worker } = await createHostWorker({
    target: { connection: { address }, namespace },
    host,
    claim: `host/${host}/${await journalId(home)}@test`,
    home,
    journal: dyingJournal(journal, settings),
    runtimes: new Map([['process', dyingRuntime(settings)]]),
  });
  await worker.run();
}

function dyingJournal(journal: FileJournal, settings: EffectSettings): FileJournal {
  return {
    ...journal,
    async begin(key, snapshot) {
      dieAt('locked', key.target, settings);
      const entry = await journal.begin(key, snapshot);
      dieAt('begun', key.target, settings);
      return entry;
    },
    async end(key, result) {
      await journal.end(key, result);
      // The completion is never told.
      dieAt('ended', key.target, settings);
    },
  };
}

function dyingRuntime(settings: EffectSettings): Runtime {
  const runtime = createCountingRuntime(settings.home);
  return {
    ...runtime,
    async execute(request, signal) {
      const result = await runtime.execute(request, signal);
      dieAt('effect', request.target.resource, settings);
      return result;
    },
  };
}

function dieAt(death: Death, resource: string, { home, deaths }: EffectSettings): void {
  const marker = join(home, `died-${resource.replaceAll('/', '-')}`);
  if (deaths[resource] !== death || existsSync(marker)) return;
  writeFileSync(marker, death);
  process.kill(process.pid, 'SIGKILL');
}

void main(JSON.parse(readFileSync(0, 'utf8')) as EffectSettings);
