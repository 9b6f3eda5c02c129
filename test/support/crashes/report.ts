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
  const counted = run.worlds.map(({ column, counted: how }) => `- **${column}**: ${how}`);
  const date = new Date().toISOString().slice(0, 10);
  return `# An effect happens once
`;
}
