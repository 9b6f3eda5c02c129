import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProcessRuntime } from '../../activities/runtimes/process/runtime';
import { openFileJournal, type FileJournal } from '../../activities/journal-file';
import type { ExecuteRequest, Runtime } from '../../domain/action/runtime';
import { createHostWorker, journalId } from '../../workers/host';

/** A worker of one host in a process of its own that SIGKILLs or, `hangs`, SIGSTOPs itself once in `execute`. */
export type HostCrash = 'never' | 'before' | 'during' | 'after' | 'hangs';

export interface HostSettings {
  address: string;
  namespace: string;
  host: string;
  home: string;
  crash: HostCrash;
}

async function main(settings: HostSettings): Promise<void> {
  const { address, namespace, host, home, crash } = settings;
  const journal = await openFileJournal({ folder: join(home, 'journal'), now: Date.now });
  const { worker } = await createHostWorker({
    target: { connection: { address }, namespace },
    host,
    claim: `host/${host}/${await journalId(home)}@test`,
    home,
    journal: crash === 'hangs' ? hangingOnce(journal) : journal,
    runtimes: new Map([['process', crashingOnce(settings)]]),
  });
  process.send?.('ready');
  await worker.run();
}

/** Stops as a machine that is suspended, right before it would act; says what came of it once it goes on. */
function hangingOnce(journal: FileJournal): FileJournal {
  let hasHung = false;
  return {
    ...journal,
    async withTargetLock(target, options, work) {
      if (hasHung) return journal.withTargetLock(target, options, work);
      hasHung = true;
      process.kill(process.pid, 'SIGSTOP');
      try {
        return await journal.withTargetLock(target, options, work);
      } catch (error) {
        process.send?.(error instanceof Error ? error.message : '');
        throw error;
      }
    },
  };
}

function crashingOnce({ home, crash }: HostSettings): Runtime {
  const runtime = createProcessRuntime({ home, now: Date.now });
  return {
    ...runtime,
    async execute(request: ExecuteRequest, signal: AbortSignal) {
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

void main(JSON.parse(readFileSync(0, 'utf8')) as HostSettings);
