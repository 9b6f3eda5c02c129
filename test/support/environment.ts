import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What a test must give back: connections, listening sockets and processes it has started. */
const KINDS = new Set(['TCPSocketWrap', 'TCPServerWrap', 'PipeServerWrap', 'ProcessWrap']);
/** Longer than an idle connection of fetch() is kept for the next request. */
const GRACE_MS = 6000;
const POLL_MS = 20;

/** Fails a test file that leaves a pool, a server or a process behind. */
class LeakCheckingEnvironment extends TestEnvironment {
  private before: string[] = [];

  override async setup(): Promise<void> {
    await super.setup();
    this.before = openResources();
  }

  override async teardown(): Promise<void> {
    await super.teardown();
    const leaked = await leakedSince(this.before);
    if (leaked.length > 0) {
      throw new Error(`this file has left open: ${leaked.join(', ')}; close what its tests open`);
    }
  }
}

async function leakedSince(before: readonly string[]): Promise<string[]> {
  const deadline = performance.now() + GRACE_MS;
  for (;;) {
    const leaked = minus(openResources(), before);
    if (leaked.length === 0 || performance.now() > deadline) return leaked;
    await delay(POLL_MS);
  }
}

function openResources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => KINDS.has(kind));
}

function minus(now: readonly string[], before: readonly string[]): string[] {
  const left = [...before];
  return now.filter((kind) => {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

// eslint-disable-next-line no-restricted-syntax -- Jest takes nothing but a default export.
export default LeakCheckingEnvironment;
