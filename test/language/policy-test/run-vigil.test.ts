import { rendered } from './support';

test('the life of a resource is the one that its policies give it', () => {
  expect(rendered('vigil/life.yaml')).toEqual(['16 passed, 0 failed in 1 file']);
});

test('what does not hold is shown field by field, with the explanation', () => {
  const cpu = 'cpu_usage{resource="web"} = 95 % > 80 % for 1m: true since 00:00:00';
  expect(rendered('vigil/failing.yaml')).toEqual([
    'vigil/failing.yaml:9:9: expects too much: policy default/high-cpu at 30s',
    '    expected  verdict: false',
    '              phase: firing',
    '              gate: cooldown',
    '              action: restart',
    '              severity: info',
    '              explain: /cold/u',
    '    got       verdict: true',
    '              phase: pending',
    '              gate: null',
    '              action: null',
    '              severity: critical',
    `              explain: ${cpu}, fires at 00:01:00`,
    `    because   ${cpu}, fires at 00:01:00`,
    '              phase pending',
    'vigil/failing.yaml:12:9: a gate is held: policy default/high-cpu at 2m',
    '    expected  action: restart',
    '    got       action: null',
    `    because   ${cpu}, long enough since 00:01:00`,
    '              phase firing, held by paused: paused (*): given by the test',
    '0 passed, 2 failed in 1 file',
  ]);
});

test('every problem is reported at once, and nothing runs', () => {
  expect(rendered('vigil/broken.yaml')).toEqual([
    'vigil/broken.yaml:3:28: no file matches "nowhere/*.yaml"',
    'vigil/broken.yaml:7:5: unknown field "intervall"; did you mean "interval"?',
    'vigil/broken.yaml:8:14: "outcome" must be one or a list of succeeded, failed, inconclusive, rolled_back, rejected, expired, cancelled, skipped',
    'vigil/broken.yaml:10:30: the { is not closed',
    'vigil/broken.yaml:11:40: ",2" does not belong here: samples are separated by spaces',
    'vigil/broken.yaml:14:38: "verdict" must be true, false or unknown',
    'vigil/broken.yaml:14:52: "phase" must be inactive or pending or firing or acting or cooldown, not "fireing"; did you mean "firing"?',
    'vigil/broken.yaml:15:9: nothing is expected here: add verdict, phase, gate, action, …',
    'vigil/broken.yaml:16:46: "explain" is no regular expression: Invalid regular expression: /(/u: Unterminated group',
    'vigil/broken.yaml:20:9: policy default/slow does not speak of resource default/db',
    '0 passed, 0 failed, 10 problems in 1 file',
  ]);
});

test('a policy that does not exist is suggested', () => {
  expect(rendered('vigil/unknown.yaml')[0]).toBe(
    'vigil/unknown.yaml:8:9: no policy default/high-cpus in the manifests; did you mean "default/high-cpu"?',
  );
});

test('problems of manifests are shown in the manifests', () => {
  expect(rendered('vigil/bad-manifest.yaml')).toEqual([
    'vigil/bad/policy.yaml:5:17: write == to compare',
    '0 passed, 0 failed, 1 problem in 1 file',
  ]);
});

test('a file that is neither kind says so', () => {
  expect(rendered('vigil/manifests.yaml')[0]).toContain('"kind" must be PolicyTest');
  expect(rendered('vigil/neither.yaml')[0]).toContain('neither promtool');
});
