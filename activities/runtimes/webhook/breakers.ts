import CircuitBreaker from 'opossum';
import { TransientError, UnknownEffectError } from '../../../domain/action/runtime';
import { BusyError } from './answer';

const WINDOW_MS = 60_000;

export interface BreakerOptions {
  /** Epoch ms. */
  now: () => number;
  /** How many requests within a minute there must be before a breaker opens: more than half failed. */
  volume?: number;
  /** How long an open breaker lets nothing through; then one request tries. */
  resetMs?: number;
}

export interface HostBreakers {
  /** Runs work that asks a host, unless its breaker is open or it asked to be left alone: TransientError. */
  run: <T>(host: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
}

interface HostState {
  breaker: CircuitBreaker<[() => Promise<unknown>]>;
  /** Epoch ms until which an open breaker lets nothing through. */
  openUntil: number;
  /** Epoch ms before which the host asked not to be asked. */
  quietUntil: number;
}

/** One breaker for each host and port: a receiver that is down is not hammered by every resource. */
export function createHostBreakers({
  now,
  volume = 5,
  resetMs = 30_000,
}: BreakerOptions): HostBreakers {
  const hosts = new Map<string, HostState>();
  // What failed because we gave up on it says nothing of the host.
  const cancelled = new WeakSet();
  const isForgiven = (error: unknown): boolean => error instanceof Error && cancelled.has(error);

  function stateOf(host: string): HostState {
    const known = hosts.get(host);
    if (known !== undefined) return known;
    const work = (given: () => Promise<unknown>): Promise<unknown> => given();
    const breaker = new CircuitBreaker<[() => Promise<unknown>]>(work, {
      // Each request has a deadline of its own.
      timeout: false,
      errorThresholdPercentage: 50,
      volumeThreshold: volume,
      rollingCountTimeout: WINDOW_MS,
      resetTimeout: resetMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      errorFilter: (error: unknown) => !isHostFault(error) || isForgiven(error),
    });
    const state: HostState = { breaker, openUntil: 0, quietUntil: 0 };
    breaker.on('open', () => {
      state.openUntil = now() + resetMs;
    });
    hosts.set(host, state);
    return state;
  }

  return {
    async run<T>(host: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
      const state = stateOf(host);
      if (now() < state.quietUntil) {
        throw new TransientError(`${host} asked to be left alone until ${time(state.quietUntil)}`);
      }
      try {
        const watched = (): Promise<T> =>
          work().catch((error: unknown) => {
            if (signal.aborted && error instanceof Error) cancelled.add(error);
            throw error;
          });
        return (await state.breaker.fire(watched)) as T;
      } catch (error) {
        if (error instanceof BusyError && error.retryAfterMs !== null) {
          state.quietUntil = now() + error.retryAfterMs;
        }
        if (!isOpenBreaker(error)) throw error;
        throw new TransientError(
          `${host} is not asked until ${time(state.openUntil)}: its last requests failed (breaker open)`,
          { cause: error },
        );
      }
    },
  };
}

/** An answer that refuses the request shows a host that is well. */
function isHostFault(error: unknown): boolean {
  return error instanceof TransientError || error instanceof UnknownEffectError;
}

function isOpenBreaker(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EOPENBREAKER';
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
