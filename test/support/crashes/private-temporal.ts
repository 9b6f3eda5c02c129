import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareTemporal } from '../../../cli/up/temporal';
import { findTemporal } from '../../../cli/up/temporal-binary';
import { unusedPort } from '../stack-ports';
import { waitFor } from '../wait';

/** A Temporal server of a test's own that can be killed, with its data in a file. */
export interface PrivateTemporal {
  address: string;
  /** Starts it on the same file; resolves once it answers. */
  start: () => Promise<void>;
  /** SIGKILL; resolves once it is gone. */
  kill: () => Promise<void>;
  stop: () => Promise<void>;
}

export async function startPrivateTemporal(): Promise<PrivateTemporal> {
  const { path: binary } = await findTemporal({ env: process.env, say: () => undefined });
  const folder = mkdtempSync(join(tmpdir(), 'vigil-temporal-'));
  const { spec, address } = await prepareTemporal({
    ...{ binary, port: await unusedPort(), uiPort: null, namespace: 'default' },
    dbFile: join(folder, 'temporal.db'),
  });
  let child: ChildProcess | null = null;
  const temporal: PrivateTemporal = {
    address,
    async start() {
      child = spawn(spec.command, spec.args, { cwd: spec.cwd, env: process.env, stdio: 'ignore' });
      const answers = (): Promise<boolean> =>
        spec.probe().then(
          () => true,
          () => false,
        );
      await waitFor('Temporal', answers, spec.startDeadlineMs);
    },
    async kill() {
      const dying = child;
      if (dying?.exitCode !== null || dying.signalCode !== null) return;
      const gone = new Promise((resolve) => dying.once('exit', resolve));
      dying.kill('SIGKILL');
      await gone;
    },
    async stop() {
      await temporal.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await temporal.start();
  return temporal;
}
