import fc from 'fast-check';
import { matchesPointer, matchesText } from '../../../domain/drift/pointer-glob';

describe('a pattern of pointers', () => {
  it.each<[string, string, boolean]>([
    ['/replicas', '/replicas', true],
    ['/replicas', '/replica', false],
    ['/replica', '/replicas', false],
    ['replicas', '/replicas', false],
    ['', '/replicas', false],
    ['/env/*', '/env/PATH', true],
    ['/env/*', '/env', false],
    ['/env/APP_*', '/env/APP_PORT', true],
    ['/env/APP_*', '/env/APP_', true],
    ['/env/APP_*', '/env/MY_APP_PORT', false],
    ['/*/PATH', '/env/PATH', true],
    ['/*', '/env/PATH', false],
    ['/**', '/env/PATH', true],
    ['/**', '/running', true],
    ['/config/**', '/config/etc~1web.conf', true],
    ['/**/PATH', '/PATH', true],
    ['/**/PATH', '/env/PATH', true],
    ['/config/*', '/config/etc~1web.conf', true],
    ['/config/etc~1*.conf', '/config/etc~1web.conf', true],
    ['/config/etc/*.conf', '/config/etc~1web.conf', false],
    ['/config/a~0b', '/config/a~0b', true],
    ['/config/*~1b', '/config/a~01b', false],
    ['/config/a~*', '/config/a~1b', false],
    ['xreplicas', '/replicas', false],
    ['/config/a.c', '/config/abc', false],
    ['/env/(A|B)', '/env/A', false],
  ])('%s means %s: %p', (pattern, pointer, expected) => {
    expect(matchesPointer(pattern, pointer)).toBe(expected);
  });

  it('agrees with a plain recursive reading of its meaning', () => {
    const segment = fc.string({ unit: fc.constantFrom('a', 'b', '*', '~1', '~0'), maxLength: 4 });
    const part = fc.oneof(
      { weight: 3, arbitrary: segment },
      { weight: 1, arbitrary: fc.constant('**') },
    );
    const path = (parts: string[]): string => `/${parts.join('/')}`;
    const patterns = fc.array(part, { minLength: 1, maxLength: 4 }).map(path);
    const pointers = fc
      .array(fc.string({ unit: fc.constantFrom('a', 'b', '~1', '~0'), maxLength: 3 }), {
        ...{ minLength: 1, maxLength: 4 },
      })
      .map(path);
    fc.assert(
      fc.property(patterns, pointers, (pattern, pointer) => {
        const [p, s] = [pattern.slice(1).split('/'), pointer.slice(1).split('/')];
        expect(matchesPointer(pattern, pointer)).toBe(readSegments(p, s));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no time that grows beyond its length, whatever it holds', () => {
    const text = 'a'.repeat(20_000);
    const began = performance.now();
    expect(matchesText(`${'*a'.repeat(200)}*b`, text)).toBe(false);
    expect(matchesPointer('/**/a'.repeat(300), '/a'.repeat(2000) + '/b')).toBe(false);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

function readSegments([part, ...parts]: string[], segments: string[]): boolean {
  if (part === undefined) return segments.length === 0;
  const [segment, ...rest] = segments;
  if (part === '**') {
    return (
      readSegments(parts, segments) || (segments.length > 0 && readSegments([part, ...parts], rest))
    );
  }
  return (
    segment !== undefined && readText(plain(part), plain(segment)) && readSegments(parts, rest)
  );
}

function readText(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    return readText(pattern.slice(1), text) || (text !== '' && readText(pattern, text.slice(1)));
  }
  return text.startsWith(pattern[0] ?? '') && readText(pattern.slice(1), text.slice(1));
}

function plain(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
