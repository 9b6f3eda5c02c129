/**
 * A private Docker engine: its own socket, data and containerd, no network of its own, images from
 * busybox because no registry is asked. Nothing of a system's Docker is touched.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { findOnPath } from '../../cli/up/executables';
import { isRunning, listPids, readCommandLine, readStat } from '../../platform/procfs';
import { waitFor } from './wait';

const START_MS = 30_000;
const STOP_MS = 15_000;
/** What the shell of an image is built from. */
const APPLETS = ['sh', 'sleep', 'echo', 'cat', 'test', 'true', 'false', 'kill', 'touch', 'seq'];

export interface DockerEngine {
  /** As in DOCKER_HOST. */
  host: string;
  stop: () => Promise<void>;
}

interface Binaries {
  dockerd: string;
  busybox: string;
}

/** Why no engine can be had here, or null. */
export function whyNoDocker(env: NodeJS.ProcessEnv): string | null {
  const { dockerd, busybox } = findBinaries(env);
  if (process.platform !== 'linux') return 'a Docker engine needs Linux';
  if (process.getuid?.() !== 0) return 'a private Docker engine needs root';
  if (dockerd === null) return 'there is no dockerd; install docker.io';
  return busybox === null ? 'there is no busybox; install busybox-static' : null;
}

/** Starts an engine whose files are all below `folder`, which is removed in the end by the caller. */
export async function startDockerEngine(
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<DockerEngine> {
  const { dockerd, busybox } = findBinaries(env) as Binaries;
  mkdirSync(folder, { recursive: true });
  // Instead of the machine's own /etc/docker/daemon.json.
  writeFileSync(join(folder, 'daemon.json'), '{}');
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = join(folder, 'dockerd.log');
  const child = launch(dockerd, argumentsFor(folder, host), { log, env });
  const endAll = (): void => {
    endLeftovers(folder);
  };
  // A run that is interrupted leaves no container behind either.
  process.once('exit', endAll);
  const stop = async (): Promise<void> => {
    await removeAll(host).catch(() => undefined);
    await end(child, folder);
    process.off('exit', endAll);
  };
  try {
    await waitFor(
      'the Docker engine',
      async () => {
        if (child.exitCode !== null) throw new Error(`dockerd ended with ${child.exitCode}`);
        return ping(host);
      },
      START_MS,
    );
    await importImages(host, { folder, busybox });
  } catch (cause) {
    const tail = readFileSync(log, 'utf8').split('\n').slice(-8).join('\n');
    await stop();
    throw new Error(`no Docker engine could be started here:\n${tail}`, { cause });
  }
  return { host, stop };
}

function argumentsFor(folder: string, host: string): string[] {
  return [
    ...['--host', host, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ...['--pidfile', join(folder, 'docker.pid'), '--config-file', join(folder, 'daemon.json')],
    ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-masq=false'],
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--shutdown-timeout', '15'],
    // Anything but a plain copy depends on the file system below.
    ...['--storage-driver', 'vfs', '--log-level', 'warn'],
  ];
}

function launch(
  dockerd: string,
  args: readonly string[],
  { log, env }: { log: string; env: NodeJS.ProcessEnv },
): ChildProcess {
  const output = openSync(log, 'a');
  const setpriv = findOnPath('setpriv', env);
  const guard = setpriv === null ? [] : [setpriv, '--pdeathsig', 'TERM', '--'];
  const [command = dockerd, ...rest] = [...guard, dockerd, ...args];
  const path = `${env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  // Out of the terminal's group: Ctrl-C is for the run, which then ends it.
  const child = spawn(command, rest, {
    ...{ detached: true, stdio: ['ignore', output, output] },
    env: { ...env, PATH: path },
  });
  closeSync(output);
  return child;
}

async function ping(host: string): Promise<boolean> {
  return dockerAt(host)
    .ping()
    .then(
      () => true,
      () => false,
    );
}

/** The engine would wait for each of them to end by itself. */
async function removeAll(host: string): Promise<void> {
  const docker = dockerAt(host);
  const all = await docker.listContainers({ all: true });
  await Promise.all(all.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  if (!isGone()) child.kill('SIGTERM');
  // What does not end by itself is ended below.
  await waitFor('its end', isGone, STOP_MS).catch(() => undefined);
  endLeftovers(folder);
}

/** Kills by pid whatever of this engine still runs, and takes its mounts away. */
function endLeftovers(folder: string): void {
  const pids = new Set(listPids().filter((pid) => isOfEngine(pid, folder)));
  for (const pid of listPids()) {
    // The processes in a container are children of its shim.
    const stat = readStat(pid);
    if (isRunning(stat) && pids.has(stat.parentPid)) pids.add(pid);
  }
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  const umount = findOnPath('umount', process.env) ?? '/bin/umount';
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const places = mounts.map((line) => line.split(' ')[1] ?? '');
  for (const place of places.filter((one) => one.startsWith(`${folder}/`)).reverse()) {
    spawnSync(umount, ['-l', place]);
  }
}

function isOfEngine(pid: number, folder: string): boolean {
  if (pid === process.pid) return false;
  const [program = '', ...args] = readCommandLine(pid) ?? [];
  const isServer = /(dockerd|containerd|containerd-shim\S*|runc)$/.test(program);
  return isServer && args.some((arg) => arg.includes(`${folder}/`));
}

export function dockerAt(host: string): Docker {
  return new Docker({ socketPath: host.replace('unix://', ''), timeout: 60_000 });
}

/** `vigil-test:1` and `:2` are different images; neither says what to run. */
async function importImages(
  host: string,
  { folder, busybox }: { folder: string; busybox: string },
): Promise<void> {
  for (const tag of ['1', '2']) {
    const root = join(folder, 'image', tag);
    mkdirSync(join(root, 'bin'), { recursive: true });
    mkdirSync(join(root, 'tmp'));
    copyFileSync(busybox, join(root, 'bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
    symlinkSync(`image-${tag}`, join(root, 'which'));
    const archive = join(folder, 'image', `${tag}.tar`);
    const made = spawnSync('tar', ['-C', root, '-cf', archive, '.'], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`tar could not make an image: ${made.stderr}`);
    await importImage(host, archive, tag);
  }
  rmSync(join(folder, 'image'), { recursive: true });
}

async function importImage(host: string, archive: string, tag: string): Promise<void> {
  const docker = dockerAt(host);
  const stream = await docker.importImage(archive, {
    ...{ fromSrc: '-', repo: 'vigil-test', tag },
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function findBinaries(env: NodeJS.ProcessEnv): { [K in keyof Binaries]: string | null } {
  const path = { ...env, PATH: `${env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return { dockerd: findOnPath('dockerd', path), busybox: findOnPath('busybox', path) };
}

/** Address of the engine of this run; for use inside describeWithDocker. */
export function dockerHost(): string {
  const host = process.env['VIGIL_TEST_DOCKER_HOST'];
  if (host === undefined) throw new Error('there is no Docker engine: use describeWithDocker');
  return host;
}

/**
 * `describe` for tests that need a Docker engine: where none can be had they are left out, counted
 * and explained; in CI that is a failure.
 */
export function describeWithDocker(name: string, tests: () => void): void {
  if (process.env['VIGIL_TEST_DOCKER_HOST'] !== undefined) {
    describe(name, tests);
    return;
  }
  const why = process.env['VIGIL_TEST_NO_DOCKER'] ?? 'this run starts no servers';
  const isRequired =
    process.env['CI'] !== undefined && process.env['VIGIL_TEST_SERVERS'] !== 'none';
  if (!isRequired) {
    process.stderr.write(`left out: ${name}: ${why}\n`);
    describe.skip(name, tests);
    return;
  }
  test(`${name}: needs a Docker engine`, () => {
    throw new Error(why);
  });
}
