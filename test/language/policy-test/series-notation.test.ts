import {
  parseSeriesName,
  parseValues,
  printSeriesName,
} from '../../../language/policy-test/series-notation';

describe('values', () => {
  test.each([
    ['', []],
    ['1', [1]],
    ['1 2  3', [1, 2, 3]],
    [' 1x4', [1, 1, 1, 1, 1]],
    ['1+1x3', [1, 2, 3, 4]],
    ['1-2x4', [1, -1, -3, -5, -7]],
    ['-2+4x3', [-2, 2, 6, 10]],
    ['-5+10x3', [-5, 5, 15, 25]],
    ['0.1+0.1x2', [0.1, 0.2, 0.1 + 0.1 + 0.1]],
    ['1 _x3 stale', [1, 'missing', 'missing', 'missing', 'stale']],
    ['_ 2', ['missing', 2]],
    ['_x0 2', [2]],
    ['1e3 1.5e-3 .5 5.', [1000, 0.0015, 0.5, 5]],
    ['1e2+1e1x1', [100, 110]],
    ['0x2 0x0', [0, 0, 0, 0]],
    ['NaN Inf -Inf +Inf', [NaN, Infinity, -Infinity, Infinity]],
    ['Inf+1x1', [Infinity, Infinity]],
    ['1\n2\t3', [1, 2, 3]],
  ])('%j', (text, values) => {
    expect(parseValues(text)).toEqual({ ok: true, value: values });
  });

  test.each([
    ['1 {{schema:1 count:2}}', 2, 'native histograms are not supported'],
    ['1 two', 2, '"two" is no sample: write a number, _ or stale'],
    ['1+2', 3, 'a step needs to know how often it is taken: 1+2x3'],
    ['1+-2x3', 1, '"+-2x3" does not belong here: samples are separated by spaces'],
    ['1x', 1, '"x" does not belong here: samples are separated by spaces'],
    ['stalex3', 0, '"stalex3" is no sample: write a number, _ or stale'],
    ['_4', 0, '"_4" is no sample: write a number, _ or stale'],
    ['1x2000000', 0, 'more than 1000000 samples in one series'],
    ['1,2', 1, '",2" does not belong here: samples are separated by spaces'],
  ])('%j is refused', (text, at, message) => {
    expect(parseValues(text)).toEqual({ ok: false, problem: { at, message } });
  });
});

describe('names', () => {
  test.each([
    ['up', 'up', {}],
    ['up{}', 'up', {}],
    ['{}', '', {}],
    ['', '', {}],
    ['up{job="a", instance="b:9100",}', 'up', { job: 'a', instance: 'b:9100' }],
    [`up{job='it''s'}`.replace(`''`, `\\'`), 'up', { job: "it's" }],
    ['up{job=`a\\b`}', 'up', { job: 'a\\b' }],
    ['up{job="a\\n\\u00e9\\x41\\""}', 'up', { job: 'a\né' + 'A"' }],
    ['job:up:rate5m{ job = "a" }', 'job:up:rate5m', { job: 'a' }],
    ['{__name__="up", job="a"}', 'up', { job: 'a' }],
    ['{"my.metric", "my label"="a"}', 'my.metric', { 'my label': 'a' }],
  ])('%s', (text, name, labels) => {
    expect(parseSeriesName(text)).toEqual({ ok: true, value: { name, labels } });
  });

  test.each([
    ['up{job=a}', 7, 'the value of job must be in quotes'],
    ['up{job~"a"}', 6, 'expected = after job'],
    ['up{job=~"a"}', 6, 'expected = after job'],
    ['up{job="a" instance="b"}', 11, 'expected , or } after a label'],
    ['up{job="a"', 10, 'expected , or } after a label'],
    ['up{job="a", job="b"}', 12, 'label job is given twice'],
    ['up{__name__="down"}', 0, 'the series has two names'],
    ['up{', 3, 'the { is not closed'],
    ['up down', 3, '"down" does not belong here'],
    ['up{1="a"}', 3, '"1=\\"a\\"}" is no name of a label'],
  ])('%s is refused', (text, at, message) => {
    expect(parseSeriesName(text)).toEqual({ ok: false, problem: { at, message } });
  });

  test('are printed with their labels in order', () => {
    expect(printSeriesName({ name: 'up', labels: { job: 'a', host: 'b' } })).toBe(
      'up{host="b", job="a"}',
    );
    expect(printSeriesName({ name: '', labels: {} })).toBe('{}');
    expect(printSeriesName({ name: 'up', labels: {} })).toBe('up');
  });
});
