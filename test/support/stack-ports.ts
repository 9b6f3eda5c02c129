import { randomInt } from 'node:crypto';
import { checkPorts, isTaken } from '../../cli/up/ports';

/** Of one stack: Vigil's own, and some for the Services of a test. */
export interface StackPorts {
  offset: number;
  api: number;
  temporal: number;
  services: number[];
}

const OURS = [8000, 8081, 8082, 7233, 8233];
const SERVICES = [9001, 9002, 9003, 9004, 9005, 9006];
/** All ports stay below those that the system gives to outgoing connections. */
const OFFSETS = { lowest: 1000, beyond: 18_000 };
/** For single servers, above those of every stack; each worker of Jest has its share of them. */
const SINGLE = { lowest: 27_100, share: 700, workers: 8 };
const TRIES = 20;

const given = new Set<number>();

/**
 * A port of the loopback address that is free now, and that neither an outgoing connection nor
 * another test takes before it is used, or between two uses.
 */
export async function unusedPort(): Promise<number> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % SINGLE.workers;
  for (;;) {
    const port = SINGLE.lowest + worker * SINGLE.share + randomInt(SINGLE.share);
    if (given.has(port) || (await isTaken('127.0.0.1', port))) continue;
    given.add(port);
    return port;
  }
}

/** An offset with which every port is free now. */
export async function choosePorts(): Promise<StackPorts> {
  for (let tries = 1; ; tries++) {
    const offset = randomInt(OFFSETS.lowest, OFFSETS.beyond);
    const wanted = [...OURS, ...SERVICES].map((port) => port + offset);
    try {
      await checkPorts(
        wanted.map((port) => ({ name: 'test', host: '127.0.0.1', port, variable: '' })),
      );
    } catch (error) {
      if (tries === TRIES) throw error;
      continue;
    }
    return {
      offset,
      api: 8000 + offset,
      temporal: 7233 + offset,
      services: SERVICES.map((port) => port + offset),
    };
  }
}
