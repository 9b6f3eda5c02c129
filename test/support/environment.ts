import { setTimeout as delay } from 'node:timers/promises';
import { constants, createContext } from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/** What a test must give back: connections, listening sockets and processes it has started. */
const KINDS = new Set(['TCPSocketWrap', 'TCPServerWrap', 'PipeServerWrap', 'ProcessWrap']);
/** Far longer than an idle connection of fetch() is kept for the next request. */
const GRACE_MS = 15_000;
const POLL_MS = 20;

type Globals = InstanceType<typeof TestEnvironment>['global'] & Record<PropertyKey, unknown>;

/**
 * Fails a test file that leaves a pool, a server or a process behind. Its global object is an ordinary
 * one: each look at `Math` or `undefined` in Jest's own goes through a Proxy and takes a hundred times
 * as long. Without Jest's fake timers, which know only Jest's own.
 */
class TestFileEnvironment extends TestEnvironment {
  private before: string[] = [];

  constructor(...given: ConstructorParameters<typeof TestEnvironment>) {
    super(...given);
    this.global = ordinaryGlobals(this.global);
    this.context = this.global;
    this.fakeTimers = null;
    this.fakeTimersModern = null;
  }

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

/** A new context with all that Jest has put into its own. */
function ordinaryGlobals(jests: Globals): Globals {
  // Node's types do not say that this is possible.
  const globals = createContext(constants.DONT_CONTEXTIFY) as Globals;
  // What Node's modules make and take has to be of the same class.
  const { Buffer, ArrayBuffer, Uint8Array } = globalThis;
  Object.assign(globals, { global: globals, Buffer, ArrayBuffer, Uint8Array });
  globals[Symbol.for('jest-native-promise')] = globals.Promise;
  globals[Symbol.for('jest-native-now')] = globals.Date.now;
  globals.Error.stackTraceLimit = jests.Error.stackTraceLimit;
  for (const key of Reflect.ownKeys(jests)) {
    const found = Object.getOwnPropertyDescriptor(jests, key);
    if (found === undefined || Object.hasOwn(globals, key)) continue;
    Object.defineProperty(globals, key, 'value' in found ? found : outer(globals, key, found));
  }
  return globals;
}

/** Node's lazy globals want to be asked for as properties of the outer global object. */
function outer(globals: Globals, key: PropertyKey, found: PropertyDescriptor): PropertyDescriptor {
  const { enumerable = false } = found;
  return {
    ...{ enumerable, configurable: true },
    get: (): unknown => Reflect.get(globalThis, key),
    set(value: unknown) {
      const own = { enumerable, configurable: true, writable: true, value };
      Object.defineProperty(globals, key, own);
    },
  };
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
export default TestFileEnvironment;
