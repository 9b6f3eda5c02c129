import { randomInt } from 'node:crypto';
import { checkPorts } from '../../cli/up/ports';

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
const OFFSETS = { lowest: 1000, beyond: 23_000 };
const TRIES = 20;

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
