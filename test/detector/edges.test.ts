import { edgeOf } from '../../detector/edges';
import { freshPair } from '../../detector/pairs';
import type { Severity, VerdictValue } from '../../domain/policy/policy';
import type { Resource } from '../../domain/resource';
import type { StoredVerdict } from '../../storage/verdicts';
import { policy } from '../support/manifest-objects';

const NOW = 10_000;
const [document] = policy('failing').policies;

function stored(verdict: VerdictValue, changes: Partial<StoredVerdict> = {}): StoredVerdict {
  return {
    resource: 'default/web',
    policy: 'default/failing',
    verdict,
    value: null,
    evidence: [],
    since: 1000,
    clearedAt: null,
    severity: 'warning',
    policyRevision: 1,
    conditionHash: 'hash',
    version: 1,
    updatedAt: 1000,
    ...changes,
  };
}

function edge(
  before: StoredVerdict | null,
  verdict: VerdictValue,
  { since = 2000, severity = 'warning' }: { since?: number; severity?: Severity } = {},
) {
  if (document === undefined) throw new Error('the object has no policy');
  const resource = { key: 'default/web', spec: null } as Resource;
  const revision = { policy: document, revision: 1, createdRevision: 1 };
  const pair = { ...freshPair(resource, revision), stored: before };
  const now = { now: NOW, correlationId: null };
  const judged = { verdict, since, severity, nextChangeAt: null, held: [], evidence: () => [] };
  return edgeOf(pair, judged, now);
}

const FROZEN = { clearedAt: 1000 };
const OLD_REVISION = { policyRevision: 0 };

test.each<[string, StoredVerdict | null, VerdictValue, string | null]>([
  ['the first verdict is true', null, 'true', 'always'],
  ['the first verdict is false', null, 'false', 'ifUnderWay'],
  ['the first verdict is unknown', null, 'unknown', 'ifUnderWay'],
  ['false stays false', stored('false'), 'false', null],
  ['false turns true', stored('false'), 'true', 'always'],
  ['false turns unknown', stored('false'), 'unknown', 'never'],
  ['unknown turns false', stored('unknown'), 'false', 'never'],
  ['unknown turns true', stored('unknown'), 'true', 'always'],
  ['true turns false', stored('true'), 'false', 'always'],
  ['true turns unknown', stored('true'), 'unknown', 'always'],
  ['true, then unknown, turns false', stored('unknown', FROZEN), 'false', 'always'],
  ['true begins anew', stored('true'), 'true', 'always'],
  ['a new revision stays false', stored('false', OLD_REVISION), 'false', 'ifUnderWay'],
  ['a new revision was true', stored('true', OLD_REVISION), 'false', 'always'],
  [
    'a new revision was frozen',
    stored('unknown', { ...OLD_REVISION, ...FROZEN }),
    'unknown',
    'always',
  ],
])('%s', (_, before, after, sends) => {
  expect(edge(before, after)?.sends ?? null).toBe(sends);
});

test('true that goes on is no edge', () => {
  expect(edge(stored('true'), 'true', { since: 1000 })).toBeNull();
});

test('true that grows more severe is an edge that its workflow hears', () => {
  const worse = edge(stored('true'), 'true', { since: 1000, severity: 'critical' });
  expect(worse).toMatchObject({ sends: 'always', row: { severity: 'critical', since: 1000 } });
});

test.each<[string, StoredVerdict, VerdictValue, number | null]>([
  ['true turns false: with the sample', stored('true'), 'false', 2000],
  ['true turns unknown: when it did', stored('true'), 'unknown', 2000],
  ['true begins anew: before the new run', stored('true'), 'true', 2000],
  [
    'another condition is false: now',
    stored('true', { ...OLD_REVISION, conditionHash: 'x' }),
    'false',
    NOW,
  ],
  ['false turns true: nothing was cleared', stored('false'), 'true', null],
])('cleared when %s', (_, before, after, clearedAt) => {
  expect(edge(before, after)?.row.clearedAt).toBe(clearedAt);
});
