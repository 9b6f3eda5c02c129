import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDockerRuntime } from '../../../activities/runtimes/docker/runtime';
import { DOCKER_SCHEMA } from '../../../activities/runtimes/docker/spec';
import type { Manager } from '../../activities/runtimes/systemd/manager';
import { dockerAt } from '../docker-engine';
import { serviceSpec } from '../manifest-objects';
import { waitFor } from '../wait';
import type { World } from './world';
import { linesOf, restart, STOP_S } from './worlds-of-files';

/** Runtimes whose effects a manager of its own records: Docker's events, systemd's InvocationIDs. */

/** Ends when it is told to, which a shell as pid 1 does not by itself. */
const SLEEPER = ['sh', '-c', `trap "sleep ${STOP_S}; exit 0" TERM; sleep 1000 & wait`];

export function dockerWorld(host: string): World {
  return {
    ...{ column: 'docker', kind: 'inspectable' },
    counted: 'starts of containers, by the events of the engine',
    async make(name, { home }) {
      const docker = dockerAt(host);
      const runtime = DOCKER_SCHEMA.parse({
        ...{ type: 'docker', image: 'vigil-test:1', network: 'none', command: SLEEPER },
        ...{ stopTimeout: '5s', runningFor: '500ms' },
      });
      const resource = `default/${name}`;
      const target = { resource, spec: serviceSpec({ runtime }) };
      const since = Date.now() / 1000 - 1;
      const own = { label: [`vigil.owner=${home}`, `vigil.resource=${resource}`] };
      const count = async (event: 'create' | 'start'): Promise<number> => {
        const stream = await docker.getEvents({
          ...{ since, until: Date.now() / 1000 + 0.001 },
          filters: { ...own, event: [event] },
        });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
        return Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean).length;
      };
      const hands = createDockerRuntime({ home, now: Date.now, socket: host });
      await hands.ensureRunning(target);
      return {
        ...{ spec: { runtime }, step: restart, letGo: () => undefined },
        effects: async () => (await count('start')) - 1,
        // The new one is made while the old one still runs.
        isUnderWay: async () => (await count('create')) > 1,
        async remove() {
          const ending = { force: true, v: true };
          const all = await docker.listContainers({ all: true, filters: own });
          await Promise.all(all.map(({ Id }) => docker.getContainer(Id).remove(ending)));
        },
      };
    },
  };
}

export function systemdWorld(manager: Manager): World {
  const { scope, systemctl } = manager;
  const run = (...args: string[]): void => {
    const [program = '', ...first] = [...systemctl, ...(scope === 'user' ? ['--user'] : [])];
    spawnSync(program, [...first, ...args], { env: process.env, stdio: 'ignore' });
  };
  return {
    ...{ column: 'systemd', kind: 'inspectable' },
    counted: 'InvocationIDs that the unit notes',
    async make(name, { home }) {
      const unit = `crash-${process.pid}-${name}.service`;
      const notes = join(home, `${name}.notes`);
      manager.addUnit(
        unit,
        `[Unit]\nStartLimitIntervalSec=0\n[Service]
ExecStart=/bin/sh -c 'echo start $INVOCATION_ID >> ${notes}; exec sleep 1000'
ExecStop=/bin/sh -c 'echo stopping >> ${notes}; sleep ${STOP_S}'\n`,
      );
      run('start', unit);
      await waitFor('the first start', () => linesOf(notes, 'start') === 1);
      const runtime = { type: 'systemd', unit, scope } as const;
      return {
        ...{ spec: { runtime }, step: restart, letGo: () => undefined },
        effects: () => invocations(notes) - 1,
        isUnderWay: () => linesOf(notes, 'stopping') > 0,
        remove() {
          run('kill', '--signal=SIGKILL', unit);
          run('stop', unit);
          run('reset-failed', unit);
          manager.removeUnit(unit);
        },
      };
    },
  };
}

function invocations(notes: string): number {
  if (!existsSync(notes)) return 0;
  const lines = readFileSync(notes, 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('start ')).length;
}
