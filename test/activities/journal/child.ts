import { randomUUID } from 'node:crypto';
import { openFileJournal } from '../../../activities/journal-file';

/** A process that writes a journal, or holds a target's lock, until it is killed. */
async function main(folder: string, mode: string): Promise<void> {
  const journal = await openFileJournal({ folder, now: Date.now });
  if (mode === 'hold') {
    await journal.withTargetLock('test/web', { waitMs: 1000 }, async () => {
      process.send?.('held');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });
  }
  for (;;) {
    const actionId = randomUUID();
    const key = { actionId, step: 0, target: actionId, token: 1 };
    await journal.begin(key, { identity: 'one', takenAt: 1 });
    process.send?.(`${actionId} begun`);
    await journal.end(key, { identity: 'two', summary: 'done' });
    process.send?.(`${actionId} ended`);
  }
}

void main(process.argv[2] ?? '', process.argv[3] ?? '');
