import { readLogLine } from '../../../cli/up/log-line';

const line = (fields: object): string => JSON.stringify(fields);

test.each([
  ['info', false],
  ['warn', true],
  ['error', true],
  ['fatal', true],
  [30, false],
  [40, true],
])('level %s: worth showing is %s', (level, isProblem) => {
  expect(readLogLine(line({ level, msg: 'x' }))?.isProblem).toBe(isProblem);
});

test('fields follow the message, and what only machines need is left out', () => {
  const entry = {
    level: 'warn',
    time: 1,
    process: 'api',
    pid: 1,
    msg: 'late',
    series: 3,
    by: 'a b',
  };
  expect(readLogLine(line(entry))?.text).toBe('late series=3 by="a b"');
});

test('an error is its message, without the stack', () => {
  const entry = {
    level: 'error',
    msg: 'gone',
    err: { type: 'Error', message: 'refused', stack: 's' },
  };
  expect(readLogLine(line(entry))?.text).toBe('gone err=refused');
});

test('problems get a line each', () => {
  const entry = { level: 'error', msg: 'refused', problems: ['a.yaml:1:2: x', 'b.yaml:3:4: y'] };
  expect(readLogLine(line(entry))?.text).toBe('refused\n  a.yaml:1:2: x\n  b.yaml:3:4: y');
});

test.each(['', 'plain text', '{"level":"warn"', '{"level":"warn"}', '{"msg":5}'])(
  '%j is no log line',
  (text) => {
    expect(readLogLine(text)).toBeNull();
  },
);
