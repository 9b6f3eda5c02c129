import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { UnitScope } from '../../../../domain/runtime-spec';
import { waitFor } from '../../../support/wait';

/** A real manager of systemd that tests may give units to. */
export interface Manager {
  /** What it is, for the output of the run. */
  kind: string;
  scope: UnitScope;
  systemctl: string[];
  journalctl: string[];
  /** Writes a unit file and makes it known. */
  addUnit: (unit: string, text: string) => void;
  removeUnit: (unit: string) => void;
  stop: () => Promise<void>;
}

const SYSTEMD = '/usr/lib/systemd/systemd';

/**
 * In mounts of its own, so that nothing of the host is touched but one control group: a cgroup tree
 * that it can write, a journal, and the folder by which a user's manager knows that systemd runs.
 */
const PRIVATE_MANAGER = `
set -e
while umount -R /sys/fs/cgroup 2>/dev/null; do :; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
group=/sys/fs/cgroup/$GROUP/user@$(id -u).service
mkdir -p $group /run/systemd /run/log
echo $$ > $group/cgroup.procs
mount -t tmpfs tmpfs /run/systemd
mount -t tmpfs tmpfs /run/log
mkdir /run/systemd/system /run/systemd/journal
/usr/lib/systemd/systemd-journald & echo $! > $XDG_RUNTIME_DIR/journald.pid
exec ${SYSTEMD} --user --unit=basic.target
`;

const REMOVE_GROUP = `
while umount -R /sys/fs/cgroup 2>/dev/null; do :; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
find /sys/fs/cgroup/$GROUP -depth -type d -exec rmdir {} +
`;

const isHostManaged = readFileSync('/proc/1/comm', 'utf8').trim() === 'systemd';

/** `describe` where a real manager can be had; else what needs one is skipped, and the run says so. */
export const describeLive = canHaveManager() ? describe : describe.skip;

export function canHaveManager(): boolean {
  if (isHostManaged) return process.getuid?.() === 0 || 'XDG_RUNTIME_DIR' in process.env;
  if (!existsSync(SYSTEMD)) return false;
  return spawnSync('unshare', ['--mount', 'true'], { stdio: 'ignore' }).status === 0;
}

/** The manager of this host, else a private one. */
export async function startManager(): Promise<Manager> {
  const manager = isHostManaged ? presentManager() : await startPrivateManager();
  process.stderr.write(`systemd: tested with ${manager.kind}\n`);
  return manager;
}

function presentManager(): Manager {
  const isRoot = process.getuid?.() === 0;
  const folder = isRoot ? '/run' : (process.env['XDG_RUNTIME_DIR'] ?? '');
  const systemctl = ['systemctl'];
  const scope = isRoot ? 'system' : 'user';
  return {
    kind: `the ${scope} manager of this host`,
    ...{ scope, systemctl, journalctl: ['journalctl'] },
    ...unitFiles(join(folder, 'systemd', scope), systemctl, scope),
    stop: () => Promise.resolve(),
  };
}

async function startPrivateManager(): Promise<Manager> {
  const home = mkdtempSync(join(tmpdir(), 'vigil-systemd-'));
  const runtimeFolder = join(home, 'run');
  mkdirSync(runtimeFolder, { mode: 0o700 });
  const group = `vigiltest${process.pid}.slice`;
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: join(home, 'config') },
    ...{ XDG_RUNTIME_DIR: runtimeFolder, GROUP: group, SYSTEMD_LOG_TARGET: 'null' },
  };
  const isolated = ['--mount', '--propagation', 'private', 'sh', '-c'];
  const manager = spawn('unshare', [...isolated, PRIVATE_MANAGER], { env, stdio: 'ignore' });
  const previous = process.env['XDG_RUNTIME_DIR'];
  const stop = async (): Promise<void> => {
    await end(manager, join(runtimeFolder, 'journald.pid'));
    execFileSync('unshare', [...isolated, REMOVE_GROUP], { env, stdio: 'ignore' });
    if (previous === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = previous;
    rmSync(home, { recursive: true, force: true });
  };
  process.env['XDG_RUNTIME_DIR'] = runtimeFolder;
  const within = ['nsenter', `--target=${manager.pid ?? 0}`, '--mount'];
  const systemctl = [...within, 'systemctl'];
  try {
    await waitFor('the manager', () => manager.exitCode !== null || answers(systemctl));
    if (manager.exitCode !== null) throw new Error('the private manager of systemd ended');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    kind: 'a private user manager',
    ...{ scope: 'user', systemctl, journalctl: [...within, 'journalctl'] },
    ...unitFiles(join(home, 'config', 'systemd', 'user'), systemctl, 'user'),
    stop,
  };
}

function answers([program = '', ...args]: string[]): boolean {
  try {
    execFileSync(program, [...args, '--user', 'show', 'basic.target'], {
      env: process.env,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

function unitFiles(
  folder: string,
  [program = '', ...args]: string[],
  scope: UnitScope,
): Pick<Manager, 'addUnit' | 'removeUnit'> {
  const reload = (): void => {
    const flags = scope === 'user' ? ['--user'] : [];
    execFileSync(program, [...args, ...flags, 'daemon-reload'], {
      env: process.env,
      stdio: 'ignore',
    });
  };
  return {
    addUnit(unit, text) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, unit), text);
      reload();
    },
    removeUnit(unit) {
      rmSync(join(folder, unit), { force: true });
      reload();
    },
  };
}

async function end(manager: ChildProcess, journaldPidFile: string): Promise<void> {
  if (manager.exitCode === null && manager.signalCode === null) {
    const ended = once(manager, 'exit');
    // Stops its units first.
    manager.kill('SIGTERM');
    await ended;
  }
  try {
    process.kill(Number(readFileSync(journaldPidFile, 'utf8')), 'SIGKILL');
  } catch {
    // It ended with its manager, or never began.
  }
}
