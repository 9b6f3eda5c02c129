import type { Fault } from './faults';
import type { Kind, World } from './world';

export interface Result {
  fault: Fault;
  column: string;
  kind: Kind;
  outcome: string;
  effects: number;
  isSlotFree: boolean;
}

/** Rows are faults, in the order in which they were injected; a cell is the outcome and the number of effects. */
export function tableOf(results: readonly Result[], lanes: readonly { world: World }[]): string {
  const columns = lanes.map(({ world }) => world.column);
  const rows = [...new Set(results.map(({ fault }) => fault.row))];
  const lines = rows.map((row) => [
    row,
    ...columns.map((column) =>
      cellOf(results.filter((one) => one.fault.row === row && one.column === column)),
    ),
  ]);
  const head = ['injected', ...columns];
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** `succeeded 1`, with `×5` behind it where five such actions were hit. */
function cellOf(results: readonly Result[]): string {
  const counted = new Map<string, number>();
  for (const { outcome, effects } of results) {
    const text = `${outcome} ${effects}`;
    counted.set(text, (counted.get(text) ?? 0) + 1);
  }
  const texts = [...counted].map(([text, times]) => (times === 1 ? text : `${text} ×${times}`));
  return texts.join(', ') || '–';
}

export interface Run {
  crashes: number;
  tookMs: number;
  machine: string;
  worlds: readonly World[];
  /** What the machine did not have. */
  left: readonly string[];
}

/** docs/effect-once.md. */
export function documentOf(table: string, run: Run): string {
  const counted = run.worlds.map(({ column, counted: how }) => `- **${column}**: ${how}.`);
  const left = run.left.map((why) => `- Left out, ${why}.`);
  const date = new Date().toISOString().slice(0, 10);
  const seconds = Math.round(run.tookMs / 1000);
  return `# An effect happens once

Each cell is one action of a real Temporal, a real PostgreSQL and a real worker process, hit by one fault: the outcome that was recorded, and how many
real effects the world outside then showed (\`×5\`: five such actions). In the end each action was closed and its slot free.

Seen on ${date}: ${run.crashes} SIGKILLs in ${seconds} s, ${run.machine}. Again: \`npm test -- test/e2e/crash-matrix\`, with \`VIGIL_CRASHES=200\` for more
kills; \`VIGIL_WRITE_TABLE=1\` writes this page.

${table}

The worker is killed by SIGKILL and another one is started. \`succeeded\` needs fresh samples that are healthy: they are sent
once the effect is told. Effects are counted by

${[...counted, ...left].join('\n')}

## Three kinds of runtime

- **Inspectable** (process, docker, systemd, config): what was begun is looked for in the world before it is done again. Never twice.
- **Opaque** (script, webhook): nobody can look. At most once; where two tries overlap, whether the first still hears of its effect is a race: \`succeeded\` or \`inconclusive\`, and one effect in both; where the worker died between the begin and the end, the action ends \`inconclusive\`.
- **Idempotent** (\`idempotent: true\` of a script or webhook): its author allows a second time, so it is repeated until it is known to be done.

${NOT_GUARANTEED}`;
}

/** Of docs/hosts.md and the pages of the runtimes. */
const NOT_GUARANTEED = `## What is not guaranteed

- **Verbs without a trace are repeated.** \`reload\` (process, systemd, config) and \`reset-failed\` that were begun and not recorded are done once more; the
  reader of \`config\` may be told twice of one write. They must bear that.
- **Idempotent means repeated**: the table shows 2 where the worker died after the effect. A receiver can tell by \`Idempotency-Key\`, a script by
  \`VIGIL_ACTION_ID\`: both stay the same.
- **A terminated workflow** tells nobody whether its effect happened: the action ends \`inconclusive\` once the time of a step is over (two minutes after its begin), and holds its slot until then.
- **systemd does not say who restarted a unit.** Somebody else's restart between the step's begin and the worker's death counts as the step's. A unit that
  was unloaded shows no InvocationID: \`inconclusive\`.
- **Adopted containers** carry no label of Vigil's: a step on one that was begun when the worker died counts as done when the container was started
  since it was inspected, by whomever.
- **A program that hides its environment or leaves its session** is not found again after a crash in the middle of its start.
- **A lock that is lost while its holder is suspended**: the lock of a target is a connection to PostgreSQL. Where that connection is cut while the worker is
  suspended in the middle of an effect, a second try begins beside it, and the first goes on when it is resumed. A try that was silent for more than 5 s begins nothing.
- **A lost journal** (PostgreSQL restored from an older backup, a host's \`journal\` folder deleted or copied) knows nothing of what it had recorded.
- **Clocks of hosts** that are behind by more than 3 s let a host begin a step after its action ended \`inconclusive\`: docs/hosts.md.
- What people and other programs do to the same target is theirs: it is refused as \`target changed\` where it is seen, and not prevented.
`;
