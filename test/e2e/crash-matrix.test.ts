import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import {
  KILLS,
  OTHER_STEPS,
  OTHERS,
  TEMPORAL_RESTARTED,
  type Fault,
} from '../support/crashes/faults';
import { makeCell, startLane, type Cell, type Lane } from '../support/crashes/lane';
import { startPrivateTemporal, type PrivateTemporal } from '../support/crashes/private-temporal';
import { documentOf, tableOf, type Result } from '../support/crashes/report';
import { startWorlds } from '../support/crashes/worlds';
import { waitFor } from '../support/wait';

/** SIGKILLs in all, at least: `VIGIL_CRASHES=200 npm test -- test/e2e/crash-matrix`. */
const CRASHES = Number(process.env['VIGIL_CRASHES'] ?? 40);
const HOUR_MS = 3_600_000;

let temporal: PrivateTemporal;
let worlds: Awaited<ReturnType<typeof startWorlds>>;
let lanes: Lane[] = [];
const results: Result[] = [];
let temporalKills = 0;

beforeAll(async () => {
  temporal = await startPrivateTemporal();
  worlds = await startWorlds();
  const { systemctl, journalctl } = worlds;
  const options = { temporalAddress: temporal.address, systemctl, journalctl };
  lanes = await Promise.all(worlds.all.map((world) => startLane(world, options)));
  const started = performance.now();
  await Promise.all(lanes.map(runAll));
  // Rounds of kills alone make up the number that was asked for.
  for (let round = 2; crashes() + 1 < CRASHES; round++) {
    await Promise.all(lanes.map((lane) => runRound(lane, round)));
  }
  await restartTemporal();
  report(performance.now() - started);
}, HOUR_MS);

afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.stop()));
  await worlds.stop();
  await temporal.stop();
}, 120_000);

function crashes(): number {
  return lanes.reduce((sum, lane) => sum + lane.crashes(), temporalKills);
}

async function runAll(lane: Lane): Promise<void> {
  await runRound(lane, 1);
  for (const fault of OTHERS) await runCell(lane, fault, 1);
  await runOtherSteps(lane);
}

async function runRound(lane: Lane, round: number): Promise<void> {
  for (const fault of KILLS) await runCell(lane, fault, round);
}

async function runCell(lane: Lane, fault: Fault, round: number): Promise<void> {
  const name = `${fault.key}-${round}`;
  const cell = await makeCell(lane, { name, waits: fault.waits === true });
  const startedAt = performance.now();
  try {
    await fault.inject(cell);
    await conclude(cell, fault);
  } catch (error) {
    // The other cells are still worth knowing.
    process.stderr.write(`${fault.key} × ${lane.world.column}: ${String(error)}\n`);
    add(cell, fault, { outcome: 'lost', effects: await cell.subject.effects(), isSlotFree: false });
  }
  await cell.subject.remove();
  if (process.env['TEST_LOG'] !== undefined) {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`${fault.key} × ${lane.world.column}: ${seconds} s\n`);
  }
}

/** All four are held, each in its own step, and one SIGKILL meets them. */
async function runOtherSteps(lane: Lane): Promise<void> {
  const cells: { cell: Cell; fault: Fault }[] = [];
  for (const fault of OTHER_STEPS) {
    const cell = await makeCell(lane, { name: fault.key, waits: false });
    lane.worker().holdAt(cell.resource, fault.point);
    cells.push({ cell, fault });
  }
  const outcomes = cells.map(async ({ cell }) => {
    await cell.fire();
    return cell.outcome();
  });
  await Promise.all(cells.map(({ cell }) => lane.worker().isHeld(cell.resource)));
  await lane.crash();
  await Promise.all(outcomes);
  for (const { cell, fault } of cells) {
    await conclude(cell, fault);
    await cell.subject.remove();
  }
}

/** One server, killed while an effect of each lane waits to be told, and started on the same file. */
async function restartTemporal(): Promise<void> {
  const cells = await Promise.all(
    lanes.map(async (lane) => {
      const cell = await makeCell(lane, { name: TEMPORAL_RESTARTED.key, waits: false });
      await TEMPORAL_RESTARTED.inject(cell);
      return cell;
    }),
  );
  await temporal.kill();
  temporalKills += 1;
  for (const { lane, resource } of cells) lane.worker().release(resource);
  for (const { lane, resource } of cells) {
    await waitFor('the effect to be in the journal', async () => {
      const rows = await lane.plane.rows(
        'select 1 from journal where target = $1 and ended_at is not null',
        resource,
      );
      return rows.length > 0;
    });
  }
  await temporal.start();
  for (const cell of cells) {
    await conclude(cell, TEMPORAL_RESTARTED);
    await cell.subject.remove();
  }
}

/** Waits until the action is recorded and the workflow ended, then counts. */
async function conclude(cell: Cell, fault: Fault): Promise<void> {
  const { lane, resource, subject } = cell;
  const outcome = await cell.outcome();
  const [held] = await lane.plane.rows<{ slots: number; actions: number }>(
    `select (select count(*)::int from slots where target = $1) as slots,
            (select count(*)::int from actions where resource = $1) as actions`,
    resource,
  );
  expect(held?.actions).toBe(1);
  add(cell, fault, {
    ...{ outcome, effects: await subject.effects(), isSlotFree: held?.slots === 0 },
  });
}

function add(
  { lane }: Cell,
  fault: Fault,
  seen: Pick<Result, 'outcome' | 'effects' | 'isSlotFree'>,
): void {
  const { column, kind } = lane.world;
  results.push({ fault, column, kind, ...seen });
}

function report(tookMs: number): void {
  const table = tableOf(results, lanes);
  const said = { crashes: crashes(), tookMs, worlds: worlds.all, left: worlds.left };
  process.stderr.write(`${table}\n${said.crashes} SIGKILLs, ${Math.round(tookMs / 1000)} s\n`);
  if (process.env['VIGIL_WRITE_TABLE'] !== '1') return;
  const machine = `${cpus().length} cores, Node ${process.version}`;
  writeFileSync(
    join(__dirname, '../../docs/effect-once.md'),
    documentOf(table, { ...said, machine }),
  );
}

test('no effect that can be looked for happens twice, and none that cannot more than once', () => {
  const twice = results.filter(({ kind, effects }) => kind !== 'idempotent' && effects > 1);
  expect(twice.map(named)).toEqual([]);
});

test('each action ends as the documents say, with as many effects as they say', () => {
  const other = results.filter(({ fault, kind, outcome, effects }) => {
    return !fault.ends[kind].some((one) => one.outcome === outcome && one.effects === effects);
  });
  expect(other.map(named)).toEqual([]);
});

test('no slot is held in the end', () => {
  expect(results.filter(({ isSlotFree }) => !isSlotFree).map(named)).toEqual([]);
});

test(`at least ${CRASHES} SIGKILLs were injected`, () => {
  expect(crashes()).toBeGreaterThanOrEqual(CRASHES);
});

function named({ fault, column, outcome, effects }: Result): string {
  return `${fault.key} × ${column}: ${outcome}, ${effects} effects`;
}
