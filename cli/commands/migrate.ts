import type { Command } from 'commander';
import { createPool } from '../../storage/database';
import { migrate } from '../../storage/migrate';
import { CliFailure } from '../failure';
import { printer } from '../output';
import { homeFolder } from '../up/paths';
import { readSession } from '../up/session';

/** Adds `vigil migrate`. */
export function register(program: Command): void {
  const command = program
    .command('migrate')
    .description('bring the database of DATABASE_URL, or of a running `vigil up`, up to date')
    .option('--json', 'print {applied: [names]}');
  command.action(async ({ json }: { json?: boolean }) => {
    const applied = await migrateAt(databaseUrl(process.env));
    const print = printer(command);
    if (json === true) print(JSON.stringify({ applied }));
    else
      print(
        ...(applied.length === 0 ? ['nothing to do'] : applied.map((name) => `applied ${name}`)),
      );
  });
}

function databaseUrl(env: NodeJS.ProcessEnv): string {
  const session = readSession(homeFolder(env));
  const url = env['VIGIL_DATABASE_URL'] ?? env['DATABASE_URL'] ?? session['VIGIL_DATABASE_URL'];
  if (url !== undefined && url !== '') return url;
  throw new CliFailure(
    'which database? set DATABASE_URL, or start `vigil up`, which migrates its own',
    2,
  );
}

async function migrateAt(url: string): Promise<string[]> {
  const pool = createPool({ url, poolSize: 1, name: 'migrate' });
  try {
    return await migrate(pool);
  } catch (cause) {
    const { message, code } = cause as { message: string; code?: string };
    const why = message === '' ? (code ?? 'no answer') : message;
    throw new CliFailure(`the database could not be migrated (${why}); check DATABASE_URL`, 1, {
      cause,
    });
  } finally {
    await pool.end();
  }
}
