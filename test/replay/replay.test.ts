import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { BUNDLE } from '../support/control-plane';
import { withoutActivity, type HistoryJson } from '../support/history-json';

/** The ways a workflow can take; histories of older releases may stand beside them. */
const WAYS = [
  'action-approved',
  'action-dry-run',
  'action-escalated',
  'action-expired',
  'action-failed',
  'action-ladder',
  'action-rejected',
  'action-succeeded',
  'action-withdrawn',
  'housekeeping',
  'resource-carried',
  'resource-cleared',
  'resource-continued',
  'resource-healed-and-held',
];
const RECORDED = readdirSync(__dirname)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));

beforeAll(() => {
  // A history that does not replay is an answer here, not something to log.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
  });
});

function read(name: string): HistoryJson {
  return JSON.parse(readFileSync(join(__dirname, `${name}.json`), 'utf8')) as HistoryJson;
}

async function replay(history: HistoryJson): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: { codePath: BUNDLE } }, historyFromJSON(history));
}

test('every way a workflow can take has a recorded history', () => {
  expect(RECORDED).toEqual(expect.arrayContaining(WAYS));
});

test.each(RECORDED)(
  '%s, recorded before, replays with the workflows as they are now',
  async (name) => {
    await replay(read(name));
  },
);

test.each([
  ['action-succeeded', 'begin'],
  ['action-approved', 'admit'],
  ['action-ladder', 'undone'],
  ['action-dry-run', 'foretell'],
  ['action-escalated', 'escalateApproval'],
  ['resource-healed-and-held', 'request'],
  ['housekeeping', 'reap'],
])('%s without its %s does not replay: the check can fail', async (name, activity) => {
  const broken = withoutActivity(read(name), activity);
  await expect(replay(broken)).rejects.toBeInstanceOf(DeterminismViolationError);
});
