import type { Command } from 'commander';
import type { ApiClient } from '../client';
import { CliFailure, usageError } from '../failure';
import { fullKey, talksToApi, type Invocation, type Options } from '../output';
import { createFollower } from '../simulate/follow';
import { createPace, type Pace } from '../simulate/pace';
import {
  createSacrifice,
  newRun,
  removeSacrifices,
  untilHealthy,
  type Sacrifice,
} from '../simulate/sacrifice';
import { SCENARIO_NAMES, scenarioOf, type Scenario } from '../simulate/scenarios';
import { existingSubject, type Subject } from '../simulate/subject';

const MOST = 20;

export function register(program: Command): void {
  talksToApi(
    program
      .command('simulate')
      .description('make something go wrong for real, and follow what Vigil does about it')
      .argument('<what>', SCENARIO_NAMES.join(', '))
      .option('--target <resource>', 'to this resource instead of one made for it; needs --yes')
      .option('--yes', 'really do it to the --target')
      .option('--count <n>', 'how many resources it happens to at once', '1')
      .option('--timeout <seconds>', 'give up following after so long', '120'),
    simulate,
  );
}

/** One simulation with what all parts of it need. */
interface Simulation {
  api: ApiClient;
  pace: Pace;
  /** Ends whatever still waits. */
  abort: () => void;
  print: (line: string) => void;
  kind: string;
  scenario: Scenario;
  timeoutMs: number;
}

async function simulate({ api, args: [kind = ''], options, print }: Invocation): Promise<void> {
  const scenario = scenarioOf(kind);
  const timeoutMs = countOf(options, 'timeout', 86_400) * 1000;
  const count = countOf(options, 'count', MOST);
  const target = targetOf(options, kind);
  const interrupt = new AbortController();
  const abort = () => {
    interrupt.abort();
  };
  process.once('SIGINT', abort).once('SIGTERM', abort);
  try {
    const pace = createPace(interrupt.signal);
    const simulation = { api, pace, abort, print: stamped(print), kind, scenario, timeoutMs };
    if (target === null) await onSacrifices(simulation, count);
    else await happen(simulation, [await existingSubject(api, target)]);
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}

/** Every line of the story begins with the seconds since the command did. */
function stamped(print: (line: string) => void): (line: string) => void {
  const start = Date.now();
  return (line) => {
    print(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)}s  ${line}`);
  };
}

async function onSacrifices(simulation: Simulation, count: number): Promise<void> {
  const { api, print, kind, scenario } = simulation;
  const run = newRun();
  const sacrifices: Sacrifice[] = [];
  try {
    while (sacrifices.length < count) {
      sacrifices.push(await createSacrifice(api, run, { kind, scenario }));
    }
    const names = sacrifices.map(({ resource }) => resource).join(', ');
    print(`made ${names}; waiting until Vigil has started it and sees it healthy`);
    await Promise.all(sacrifices.map((sacrifice) => makeReady(simulation, sacrifice)));
    await happen(simulation, sacrifices);
  } finally {
    simulation.abort();
    // A pace of its own: Ctrl-C ends the story, never the tidying up.
    const pace = createPace(new AbortController().signal);
    await removeSacrifices({ api, pace }, run, sacrifices);
    print('removed its manifests and ended its process');
  }
}

async function makeReady(simulation: Simulation, subject: Sacrifice): Promise<void> {
  const { scenario, print } = simulation;
  await untilHealthy(simulation, subject, async () => {
    await scenario.feed?.({ ...simulation, subject });
  });
  print(`${subject.resource}: runs and is healthy; now: ${scenario.summary}`);
}

async function happen(simulation: Simulation, subjects: readonly Subject[]): Promise<void> {
  const ends = await Promise.all(subjects.map((subject) => happenTo(simulation, subject)));
  if (ends.includes(false)) throw new CliFailure('it did not end as it should');
}

/** Causes it and follows it; whether it ended as it should. */
async function happenTo(simulation: Simulation, subject: Subject): Promise<boolean> {
  const { scenario, timeoutMs, print } = simulation;
  const follower = await createFollower(simulation, subject);
  const [end] = await Promise.all([
    follower.toTheEnd(scenario, timeoutMs),
    scenario.cause({ ...simulation, subject }).then(follower.causeIsOver),
  ]);
  print(
    `${subject.resource}: ${end.isAsItShould ? 'as it should' : 'NOT as it should'}: ${end.words}`,
  );
  return end.isAsItShould;
}

function countOf(options: Options, name: string, most: number): number {
  const count = Number(options.text(name));
  if (!Number.isInteger(count) || count < 1 || count > most) {
    throw usageError(`--${name} must be a whole number from 1 to ${most}`);
  }
  return count;
}

function targetOf(options: Options, kind: string): string | null {
  const given = options.text('target');
  if (given === undefined) return null;
  if (kind === 'gap') {
    throw usageError('gap stops a series of its own making: it takes no --target');
  }
  const target = fullKey(given);
  if (!options.flag('yes')) {
    throw usageError(`this really does it (${scenarioOf(kind).summary}) to ${target}: add --yes`);
  }
  return target;
}
