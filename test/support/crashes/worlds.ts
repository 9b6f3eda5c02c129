import {
  canHaveManager,
  startManager,
  type Manager,
} from '../../activities/runtimes/systemd/manager';
import type { World } from './world';
import { CONFIG, PROCESS, scriptWorld, startReceiver, webhookWorld } from './worlds-of-files';
import { dockerWorld, systemdWorld } from './worlds-of-managers';

interface Worlds {
  all: World[];
  /** What this machine does not have, and why. */
  left: string[];
  systemctl: string[];
  journalctl: string[];
  stop: () => Promise<void>;
}

/** Every runtime that can be had here. `VIGIL_CRASH_COLUMNS=process,docker`: those alone. */
export async function startWorlds(): Promise<Worlds> {
  const receiver = await startReceiver();
  const manager = canHaveManager() ? await startManager() : null;
  const left = [...(manager === null ? ['systemd: no manager can be had'] : []), ...noDocker()];
  const all = [PROCESS, ...managed(manager), CONFIG];
  all.push(scriptWorld(false), scriptWorld(true));
  all.push(webhookWorld(receiver, false), webhookWorld(receiver, true));
  const asked = process.env['VIGIL_CRASH_COLUMNS']?.split(',');
  return {
    all: all.filter(({ column }) => asked?.includes(column) ?? true),
    left,
    systemctl: manager?.systemctl ?? ['systemctl'],
    journalctl: manager?.journalctl ?? ['journalctl'],
    async stop() {
      receiver.closeAllConnections();
      await new Promise((resolve) => receiver.close(resolve));
      await manager?.stop();
    },
  };
}

function managed(manager: Manager | null): World[] {
  const docker = process.env['VIGIL_TEST_DOCKER_HOST'];
  return [
    ...(docker === undefined ? [] : [dockerWorld(docker)]),
    ...(manager === null ? [] : [systemdWorld(manager)]),
  ];
}

/** In CI each runtime is needed. */
function noDocker(): string[] {
  if (process.env['VIGIL_TEST_DOCKER_HOST'] !== undefined) return [];
  const why = process.env['VIGIL_TEST_NO_DOCKER'] ?? 'this run starts no servers';
  if (process.env['CI'] !== undefined) throw new Error(`docker: ${why}`);
  return [`docker: ${why}`];
}
