import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createProcessRuntime } from '../../../activities/runtimes/process/runtime';
import type { RuntimeSpec } from '../../../domain/runtime-spec';
import { serviceSpec } from '../manifest-objects';
import { waitFor } from '../wait';
import type { Subject, World } from './world';

/** Runtimes whose effects are counted with nothing but files and sockets. */

const TIMEOUT_MS = 60_000;
/** Long enough for a stopped process to be met in the middle of its restart. */
export const STOP_S = 1.5;

export const restart: Subject['step'] = { action: 'restart', params: {} };

export function linesOf(file: string, start = ''): number {
  if (!existsSync(file)) return 0;
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.filter((line) => line.startsWith(start)).length;
}

/** A shell program that notes its start and its end, and takes its time over the latter. */
export function noted(notes: string): string {
  return `trap 'echo stopping >> ${notes}; sleep ${STOP_S}; exit 0' TERM
echo start >> ${notes}
while :; do sleep 0.1; done`;
}

export const PROCESS: World = {
  ...{ column: 'process', kind: 'inspectable' },
  counted: 'starts that the program notes itself',
  async make(name, { home }) {
    const notes = join(home, `${name}.notes`);
    const command = ['/bin/sh', '-c', noted(notes)];
    const runtime = { type: 'process', command, env: {}, cwd: home, stopWithVigil: true } as const;
    const target = { resource: `default/${name}`, spec: serviceSpec({ runtime }) };
    const hands = createProcessRuntime({ home, now: Date.now });
    await hands.ensureRunning(target);
    await waitFor('the first start', () => linesOf(notes, 'start') === 1);
    return {
      ...{ spec: { runtime }, step: restart, letGo: () => undefined },
      effects: () => linesOf(notes, 'start') - 1,
      isUnderWay: () => linesOf(notes, 'stopping') > 0,
      async remove() {
        await hands.stop(target);
      },
    };
  },
};

/** Replaces one file and tells a reader, which takes its time. */
export const CONFIG: World = {
  ...{ column: 'config', kind: 'inspectable' },
  counted: 'files put in the place of the old one, by inode',
  make(name, { home, waits }) {
    const folder = join(home, `${name}.d`);
    mkdirSync(folder);
    const [file, told, go] = ['a.ini', 'told', 'go'].map((one) => join(folder, one)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, 'old\n');
    if (!waits) writeFileSync(go, '');
    const inodes = countInodes(folder, file);
    const tell = `echo told >> ${told}; while [ ! -e ${go} ]; do sleep 0.05; done`;
    const spec: Subject['spec'] = {
      runtime: { type: 'config', reload: { command: ['/bin/sh', '-c', tell] } },
      config: [{ kind: 'content', path: file, content: 'new\n' }],
    };
    return Promise.resolve({
      ...{ spec, step: { action: 'sync', params: {} } },
      effects: () => inodes.count() - 1,
      isUnderWay: () => linesOf(told) > 0,
      letGo() {
        writeFileSync(go, '');
      },
      remove: inodes.stop,
    });
  },
};

/** Inodes that have had this name; each is kept open, so that its number is not given away again. */
function countInodes(folder: string, file: string): { count: () => number; stop: () => void } {
  const open = new Map<bigint, number>();
  const look = (): void => {
    const fd = openSync(file, 'r');
    const { ino } = fstatSync(fd, { bigint: true });
    if (open.has(ino)) closeSync(fd);
    else open.set(ino, fd);
  };
  look();
  const watcher = watch(folder, look);
  return {
    count() {
      // What the watcher has not heard of yet counts as well.
      look();
      return open.size;
    },
    stop() {
      watcher.close();
      for (const fd of open.values()) closeSync(fd);
    },
  };
}

export function scriptWorld(idempotent: boolean): World {
  return {
    column: idempotent ? 'script, idempotent' : 'script',
    kind: idempotent ? 'idempotent' : 'opaque',
    counted: 'lines that the command appends',
    make(name, { home, waits }) {
      const [done, go] = [join(home, `${name}.done`), join(home, `${name}.go`)];
      if (!waits) writeFileSync(go, '');
      const program = join(home, `${name}.sh`);
      const text = `echo "$VIGIL_ACTION_ID" >> ${done}\nwhile [ ! -e ${go} ]; do sleep 0.05; done\n`;
      writeFileSync(program, `#!/bin/sh\n${text}`, { mode: 0o755 });
      const action = { command: [program], timeoutMs: TIMEOUT_MS, idempotent };
      const runtime: RuntimeSpec = {
        ...{ type: 'script', actions: { restart: action } },
        ...{ inspect: null, env: { allow: ['PATH'], set: {} }, cwd: null },
      };
      return Promise.resolve({
        ...{ spec: { runtime }, step: restart },
        effects: () => linesOf(done),
        isUnderWay: () => linesOf(done) > 0,
        letGo() {
          writeFileSync(go, '');
        },
        remove: () => undefined,
      });
    },
  };
}

/** Receipts are lines of `<home>/<name>.receipts`. */
export async function startReceiver(): Promise<Server> {
  const server = createServer((request, response) => {
    const file = decodeURIComponent((request.url ?? '').slice(1));
    appendFileSync(file, `${String(request.headers['idempotency-key'])}\n`);
    request.resume();
    void waitFor('leave to answer', () => existsSync(`${file}.go`), TIMEOUT_MS).then(
      () => response.writeHead(204).end(),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

export function webhookWorld(receiver: Server, idempotent: boolean): World {
  return {
    column: idempotent ? 'webhook, idempotent' : 'webhook',
    kind: idempotent ? 'idempotent' : 'opaque',
    counted: 'requests that an HTTP server received',
    make(name, { home, waits }) {
      const file = join(home, `${name}.receipts`);
      if (!waits) writeFileSync(`${file}.go`, '');
      const { port } = receiver.address() as AddressInfo;
      const action = {
        url: `http://127.0.0.1:${port}/${encodeURIComponent(file)}`,
        ...{ method: 'POST' as const, body: null, headers: {}, timeoutMs: TIMEOUT_MS, idempotent },
      };
      const runtime: RuntimeSpec = {
        ...{ type: 'webhook', actions: { restart: action } },
        ...{ inspect: null, secret: null, allowPrivate: true },
      };
      return Promise.resolve({
        ...{ spec: { runtime }, step: restart },
        effects: () => linesOf(file),
        isUnderWay: () => linesOf(file) > 0,
        letGo() {
          writeFileSync(`${file}.go`, '');
        },
        remove: () => undefined,
      });
    },
  };
}
