import { inspect, parseArgs } from 'node:util';
import { createLifecycle, type Lifecycle } from '../../platform/lifecycle';
import { describeMachine, writeRun, type Report } from './results';

/** What a benchmark works with. */
export interface Bench {
  isQuick: boolean;
  /** Added to every port of what is started, so that it stands beside a running Vigil. */
  portOffset: number;
  /** A number given as `--NAME`, else the fallback. */
  number: (name: string, fallback: number) => number;
  /** What is registered here is stopped in reverse order, whatever happens. */
  lifecycle: Lifecycle;
  /** Aborted when the run is to end. */
  signal: AbortSignal;
  /** A line about the progress, on standard error. */
  say: (line: string) => void;
}

const PORT_OFFSET = 900;

/**
 * Runs one benchmark, writes its figures to bench/results.md and prints them. `numbers` are the
 * options it knows beside `--quick` and `--port-offset`.
 */
export function runBench(
  bench: { name: string; about: string; numbers: readonly string[] },
  work: (bench: Bench) => Promise<Report>,
): void {
  const { name, about, numbers } = bench;
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  run().catch((error: unknown) => {
    say(inspect(error));
    process.exitCode = 1;
  });

  async function run(): Promise<void> {
    const args = process.argv.slice(2);
    const options = parse(args, numbers);
    const startedAt = new Date();
    const machine = describeMachine();
    const lifecycle = createLifecycle((step, error) => {
      say(`${step} did not stop cleanly: ${String(error)}`);
    });
    const signal = stopSignal();
    try {
      const report = await work({ ...options, lifecycle, signal, say });
      const { isQuick } = options;
      const text = await writeRun({ name, about, isQuick, args, startedAt, machine, report });
      process.stdout.write(`\n${text}\n`);
    } finally {
      await lifecycle.stop();
    }
  }
}

function parse(
  args: readonly string[],
  numbers: readonly string[],
): Pick<Bench, 'isQuick' | 'portOffset' | 'number'> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      'port-offset': { type: 'string' },
      ...Object.fromEntries(numbers.map((name) => [name, { type: 'string' as const }])),
    },
  });
  const given: Record<string, unknown> = values;
  const number = (name: string, fallback: number): number => {
    const value = Number(given[name] ?? fallback);
    if (!(value >= 0)) throw new Error(`--${name} must be a number, not ${String(given[name])}`);
    return value;
  };
  return {
    isQuick: values.quick,
    portOffset: number('port-offset', PORT_OFFSET),
    number,
  };
}

/** Ctrl-C ends the run, not the process: what was started has to be stopped. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      controller.abort(new Error(`stopped by ${name}`));
    });
  }
  return controller.signal;
}
