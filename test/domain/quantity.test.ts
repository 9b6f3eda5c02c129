import fc from 'fast-check';
import { parseCpu, parseMemory } from '../../domain/quantity';

describe('amounts', () => {
  it.each<[string, number | null]>([
    ['500m', 0.5],
    ['0.5', 0.5],
    ['.5', 0.5],
    [' 2 ', 2],
    ['100m', 0.1],
    ['0', 0],
    ['0.12345678949', 0.123456789],
    ['1.5m', 0.0015],
    ['half', null],
    ['', null],
    ['-1', null],
    ['500 m', null],
    ['1e3', null],
  ])('%p of a CPU is %p cores', (text, cores) => {
    expect(parseCpu(text)).toBe(cores);
  });

  it.each<[string, number | null]>([
    ['1Gi', 2 ** 30],
    ['512Mi', 2 ** 29],
    ['1.5Ki', 1536],
    ['1G', 1e9],
    ['1k', 1000],
    ['1K', 1000],
    ['2T', 2e12],
    ['1048576', 2 ** 20],
    ['1gb', null],
    ['1 Gi', null],
    ['Gi', null],
    ['', null],
  ])('%p of memory is %p bytes', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it('thousandths of a core and cores are one amount, to the last digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (thousandths) => {
        expect(parseCpu(`${thousandths}m`)).toBe(parseCpu(String(thousandths / 1000)));
      }),
    );
  });
});
