import type { ObservedState } from '../../../domain/action/runtime';
import type { Attribution } from '../../../domain/drift/change';
import { compare, recalling, withTold, type Attributions } from '../../../domain/drift/compare';
import type { ServiceSpec } from '../../../domain/resource';
import { serviceSpec } from '../../support/manifest-objects';

const FILE = '/config/web.conf';

function spec(ignoredOwner?: string): ServiceSpec {
  const ignore = ignoredOwner === undefined ? [] : [{ owner: ignoredOwner }];
  return serviceSpec({
    runtime: { type: 'process', command: ['a'], env: {}, cwd: '.', stopWithVigil: false },
    config: [{ kind: 'checksum', path: 'web.conf', sha256: 'x' }],
    drift: { ignore, owners: [], severity: [] },
  });
}

function seen(sha256: string, attribution?: Attributions): ObservedState {
  return {
    ...{ identity: '1', isRunning: true, isAbsent: false, command: ['a'], env: {} },
    config: [{ path: 'web.conf', sha256 }],
    ...(attribution !== undefined && { attribution }),
  };
}

function told(from: Attribution['from'], by: string, at: number): Attributions {
  return { [FILE]: { from, by, at, what: 'w' } };
}

function by(
  observed: ObservedState,
  { explain, ignored }: { explain?: Attributions; ignored?: string } = {},
): (string | null | undefined)[] {
  const { changes } = compare(spec(ignored), observed, {
    sha256: () => '',
    ...(explain !== undefined && { explain: () => explain }),
  });
  return changes.map(({ attribution }) => attribution?.by);
}

test('what was told explains a file that was not written since', () => {
  const root = told('file', 'root', 10);
  expect(by(seen('y', root))).toEqual(['root']);
  expect(by(seen('y', root), { explain: told('git', 'ada', 10) })).toEqual(['ada']);
  expect(by(seen('y', root), { explain: told('git', 'ada', 9) })).toEqual(['root']);
  expect(by(seen('y'), { explain: told('event', 'ada', 1) })).toEqual(['ada']);
});

test('what a report tells stands back behind what explained the difference before', () => {
  const event = told('event', 'root', 10);
  expect(by(seen('y', event), { explain: told('git', 'ada', 9) })).toEqual(['ada']);
  expect(by(seen('y', event), { explain: told('git', 'ada', 10) })).toEqual(['root']);
  expect(by(seen('y', event), { explain: told('file', 'ada', 9) })).toEqual(['root']);
});

test('who made it decides what is ignored: a file of an ignored owner differs where git wants something else', () => {
  const deploy = told('file', 'deploy', 10);
  expect(by(seen('y', deploy), { ignored: 'deploy' })).toEqual([]);
  expect(by(seen('y', deploy), { ignored: 'deploy', explain: told('git', 'ada', 11) })).toEqual([
    'ada',
  ]);
  expect(by(seen('y', deploy), { ignored: 'ada', explain: told('git', 'ada', 11) })).toEqual([]);
});

test('a file whose owner could not be found out is let alone where an owner is ignored', () => {
  const unknown = { [FILE]: { from: 'file' as const, by: null, at: 1, what: 'w' } };
  expect(by(seen('y', unknown), { ignored: 'deploy' })).toEqual([]);
  expect(by(seen('y', unknown))).toEqual([null]);
  expect(by(seen('y'), { ignored: 'deploy' })).toEqual([undefined]);
});

test('what explains is kept with what was seen, as long as there is a difference', () => {
  const ada = told('git', 'ada', 5);
  const { observed } = compare(spec('ada'), seen('y'), { sha256: () => '', explain: () => ada });
  expect(observed.attribution).toEqual(ada);
  const again = compare(spec('ada'), seen('y'), {
    ...{ sha256: () => '', explain: recalling(observed.attribution) },
  });
  expect([again.changes, again.observed.attribution]).toEqual([[], ada]);
  const over = compare(spec('ada'), { ...seen('x'), attribution: ada }, { sha256: () => '' });
  expect([over.changes, over.observed.attribution]).toEqual([[], undefined]);
});

test('what a file tells is never recalled', () => {
  const changes = compare(spec(), seen('y'), { sha256: () => '' }).changes;
  expect(recalling(told('file', 'root', 1))(changes)).toEqual({});
  expect(recalling(told('git', 'ada', 1))([])).toEqual({});
  expect(withTold(seen('y'), {})).toEqual(seen('y'));
});
