import fc from 'fast-check';
import type { Change, ChangeKind, FactValue } from '../../../domain/drift/change';
import { describeDrift, impactOf, recommend, sentenceOf } from '../../../domain/drift/describe';
import type { ServiceSpec } from '../../../domain/resource';
import type { RuntimeSpec } from '../../../domain/runtime-spec';
import { BARE, DOCKER, PROCESS } from './worlds';

function change(
  pointer: string,
  kind: ChangeKind = 'changed',
  desired: FactValue | null = 'a',
  observed: FactValue | null = 'b',
): Change {
  return { pointer, kind, desired, observed, severity: 'warning' };
}

it.each<[string, Change]>([
  ['runs image web:1.2, desired web:1.3', change('/image', 'version', 'web:1.3', 'web:1.2')],
  ['does not run, and should', change('/running', 'changed', true, false)],
  ['was never started here, and should run', change('/running', 'missing', true, null)],
  ['runs 2 replicas, desired 3 replicas', change('/replicas', 'changed', 3, 2)],
  [
    'runs command node s.mjs "a b", desired node s.mjs',
    change('/command', 'changed', ['node', 's.mjs'], ['node', 's.mjs', 'a b']),
  ],
  ['has variable PORT 81, desired 80', change('/env/PORT', 'changed', '80', '81')],
  ['variable PORT is missing, desired 80', change('/env/PORT', 'missing', '80', null)],
  ['variable DEBUG is 1, and the manifest has none', change('/env/DEBUG', 'extra', null, '1')],
  ['file /etc/web.conf has other content than desired', change('/config/~1etc~1web.conf')],
  ['file /etc/web.conf is missing', change('/config/~1etc~1web.conf', 'missing', 'ab', null)],
  [
    'has mode of file a.conf 0600, desired 0640',
    change('/config-mode/a.conf', 'changed', '0640', '0600'),
  ],
  [
    'has limit of memory 512Mi, desired 1Gi',
    change('/resources/memory', 'changed', 2 ** 30, 2 ** 29),
  ],
  [
    'has limit of memory 1000 bytes, desired 1Gi',
    change('/resources/memory', 'changed', 2 ** 30, 1000),
  ],
  ['limit of cpu is missing, desired 0.5', change('/resources/cpu', 'missing', 0.5, null)],
  ['label team is x, and the manifest has none', change('/labels/team', 'extra', null, 'x')],
  ['is of version 1.3, desired 1.4', change('/version', 'version', '1.4', '1.3')],
])('%s', (sentence, given) => {
  expect(sentenceOf(given)).toBe(sentence);
});

describe('who is touched', () => {
  const needs = new Map([
    ['shop/web', ['shop/api']],
    ['shop/api', ['shop/db', 'shop/cache']],
    ['shop/cache', ['shop/db']],
    ['shop/cron', ['shop/web']],
    ['shop/mail', []],
  ]);

  it('is everybody who needs it, through however many others', () => {
    expect(impactOf('shop/db', needs)).toEqual(['shop/api', 'shop/cache', 'shop/cron', 'shop/web']);
    expect(impactOf('shop/web', needs)).toEqual(['shop/cron']);
    expect(impactOf('shop/cron', needs)).toEqual([]);
    expect(impactOf('shop/nobody', needs)).toEqual([]);
  });

  it('ends where they need each other, and never names itself', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd');
    const webs = fc.array(fc.tuple(names, fc.array(names, { maxLength: 3 })), { maxLength: 4 });
    fc.assert(
      fc.property(webs, names, (edges, of) => {
        const web = new Map<string, string[]>(edges);
        const reaches = (from: string, seen: string[]): boolean =>
          (web.get(from) ?? []).some(
            (next) => next === of || (!seen.includes(next) && reaches(next, [...seen, next])),
          );
        const expected = [...web.keys()].filter((one) => one !== of && reaches(one, [one]));
        expect(impactOf(of, web)).toEqual(expected.sort());
      }),
    );
  });
});

describe('the step that is recommended', () => {
  const of = (runtime: RuntimeSpec, config: ServiceSpec['config'] = []): ServiceSpec => ({
    ...{ ...BARE, runtime, config },
  });
  const script = (verb: string): RuntimeSpec => ({
    ...{ type: 'script', inspect: null, env: { allow: [], set: {} }, cwd: null },
    actions: { [verb]: { command: ['./x'], timeoutMs: 1, idempotent: true } },
  });
  const stopped = change('/running', 'changed', true, false);
  const summed: ServiceSpec['config'] = [
    { kind: 'checksum', path: './big.bin', sha256: 'ab' },
    { kind: 'content', path: 'web.conf', content: 'a' },
  ];

  it.each<[string, ServiceSpec, Change[], [string, string]]>([
    ['nothing where nothing differs', of(PROCESS), [], ['nothing', 'nothing differs']],
    ['start where it only does not run', of(DOCKER), [stopped], ['start', 'does not run']],
    [
      'sync where more differs',
      of(PROCESS),
      [stopped, change('/env/A')],
      ['sync', 'sync puts it right'],
    ],
    [
      'sync for what it puts right',
      of(DOCKER),
      [change('/image', 'version')],
      ['sync', 'sync puts it right'],
    ],
    [
      'nothing where a checksum is all that is known',
      of(PROCESS, summed),
      [change('/config/big.bin')],
      ['nothing', 'of file big.bin the manifest gives only the checksum'],
    ],
    [
      'sync for the rest, and who must act on what is left',
      of(PROCESS, summed),
      [change('/config/big.bin'), change('/config/web.conf')],
      ['sync', 'sync puts 1 of 2 differences right; but of file big.bin'],
    ],
    [
      'nothing where the runtime does not write it',
      of(DOCKER, summed),
      [change('/config/web.conf')],
      ['nothing', 'file web.conf is not for runtime docker to set'],
    ],
    [
      'nothing for what is adopted',
      of({ ...DOCKER, adopt: 'db', image: null }),
      [change('/replicas')],
      ['nothing', 'container db is adopted'],
    ],
    ['its own sync of a script', of(script('sync')), [change('/image')], ['sync', 'its own sync']],
    [
      'nothing of a script without one',
      of(script('fix')),
      [stopped],
      ['nothing', 'no action "sync"'],
    ],
  ])('%s', (_, spec, changes, [step, why]) => {
    const got = recommend(spec, changes);
    expect(got.step).toBe(step);
    expect(got.why).toContain(why);
  });

  it('comes with the sentences and who is touched', () => {
    const needs = new Map([['shop/web', ['shop/db']]]);
    expect(describeDrift({ resource: 'shop/db', spec: of(PROCESS) }, [stopped], needs)).toEqual({
      sentences: ['does not run, and should'],
      impact: ['shop/web'],
      recommended: { step: 'start', why: 'it does not run, and is as desired otherwise' },
    });
  });
});
