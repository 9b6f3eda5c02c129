import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChildOutput, type ChildOutput } from '../../../cli/up/child-output';
import { isAlive } from '../../../cli/up/os-process';
import { ensureDatabase, ping, preparePostgres, type Postgres } from '../../../cli/up/postgres';
import { ROOT_FOLDER } from '../../../cli/up/postgres-folder';
import { supervise, type Supervised } from '../../../cli/up/supervise';
import { killNow } from '../../support/kill';
import { unusedPort } from '../../support/stack-ports';
import { waitFor } from '../../support/wait';

let folder: string;
let output: ChildOutput;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-postgres-'));
  // As root the server runs as another user, who has to get through here.
  chmodSync(folder, 0o711);
  output = createChildOutput(join(folder, 'postgres.log'), () => undefined);
});
afterEach(() => {
  output.close();
  rmSync(folder, { recursive: true, force: true });
});

async function prepare(): Promise<Postgres> {
  return preparePostgres({
    folder: join(folder, 'postgres'),
    shared: ROOT_FOLDER,
    port: await unusedPort(),
    isDurable: false,
  });
}

async function start({ spec }: Postgres): Promise<Supervised> {
  const backoff = { firstMs: 60_000, longestMs: 60_000, calmMs: 60_000 };
  return supervise(spec, { output, say: () => undefined, backoff });
}

test('data outlives a stop, and only the password opens the server', async () => {
  const first = await prepare();
  let child = await start(first);
  await ensureDatabase(first, 'vigil');
  await ensureDatabase(first, 'vigil');
  await expect(ping(first.urlOf('vigil').replace(/:[0-9a-f]+@/, ':wrong@'))).rejects.toThrow(
    /password/,
  );
  await child.stop();
  const second = await prepare();
  child = await start(second);
  await ping(second.urlOf('vigil'));
  await child.stop();
}, 60_000);

test('a server that a killed run left behind is ended before the next start', async () => {
  const first = await prepare();
  const left = await start(first);
  const pid = left.pid() ?? 0;
  const second = await prepare();
  await waitFor('the first server is gone', () => !isAlive(pid));
  const child = await start(second);
  await ping(second.urlOf('postgres'));
  await child.stop();
  await left.stop();
}, 60_000);

test('the pid file of a server that was killed does not keep the next one from starting', async () => {
  const left = await start(await prepare());
  killNow(left.pid());
  await left.stop();
  // The pid of the dead server was given to another process meanwhile: this one.
  const data = join(folder, 'postgres', 'data');
  writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n`);
  const child = await start(await prepare());
  await child.stop();
}, 60_000);

test('data of another major version is refused with the remedy', async () => {
  await prepare();
  writeFileSync(join(folder, 'postgres', 'data', 'PG_VERSION'), '12\n');
  await expect(prepare()).rejects.toThrow(/written by PostgreSQL 12.*VIGIL_HOME/);
});
