import { evaluate } from '../../../domain/policy/evaluate';
import type { SeriesWindow } from '../../../domain/policy/series';
import { explain } from '../../../domain/policy/explain';
import { condition } from '../../support/conditions';

const SINCE = Date.UTC(2025, 4, 6, 12, 3, 10);

function web(name: string, value: number, tags: Record<string, string> = {}): SeriesWindow {
  return {
    name,
    tags: { namespace: 'default', resource: 'web', ...tags },
    samples: [{ ts: SINCE, value, receivedAt: SINCE }],
  };
}

function explained(text: string, series: SeriesWindow[], afterMs: number): string {
  const now = SINCE + afterMs;
  const parsed = condition(text);
  const verdict = evaluate(parsed, { series, now, intervalMs: null, previous: null });
  return explain(parsed, verdict, now);
}

test.each([
  ['http_up < 1', 20_000, 'http_up{resource="web"} = 0 < 1: true since 12:03:10'],
  [
    'http_up < 1 for 5m',
    20_000,
    'http_up{resource="web"} = 0 < 1 for 5m: true since 12:03:10, fires at 12:08:10',
  ],
  [
    'http_up < 1 for 10s',
    20_000,
    'http_up{resource="web"} = 0 < 1 for 10s: true since 12:03:10, long enough since 12:03:20',
  ],
  ['http_up', 20_000, 'http_up{resource="web"} = 0: false since 12:03:10'],
  [
    'http_up < 1',
    600_000,
    'http_up{resource="web"} has no sample since 12:03:10: unknown since 12:08:10',
  ],
  [
    'http_up < 1',
    86_400_000,
    'http_up{resource="web"} has no sample since 2025-05-06 12:03:10: unknown since 2025-05-06 12:08:10',
  ],
  ['gone', 20_000, 'gone has no samples: unknown since 12:03:30'],
])('"%s" is explained %d ms later', (text, afterMs, expected) => {
  expect(explained(text, [web('http_up', 0)], afterMs)).toBe(expected);
});

test('a unit mismatch is named', () => {
  expect(explained('cpu_usage > 80%', [web('cpu_usage', 42)], 0)).toBe(
    'cpu_usage{resource="web"} = 42 is no ratio to compare with a percentage: unknown since 12:03:10',
  );
});

test('an explanation names a few series and counts the rest', () => {
  const disks = [1, 2, 3, 4, 5].map((i) => web('disk_usage', 0.9 + i / 100, { mount: `/${i}` }));
  expect(explained('disk_usage > 90%', disks, 0)).toMatch(
    /^disk_usage\{mount="\/1".*; and 2 more: true/,
  );
});
