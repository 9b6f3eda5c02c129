import { rendered } from './support';

/** Prometheus' own promtool 3.13 passes the same files. */
test.each([
  ['instances', 3],
  ['recorded', 1],
  ['late', 1],
  ['held', 4],
  ['templates', 1],
  ['notation', 1],
  ['fuzzy', 1],
  ['alerts', 2],
])('%s.test.yml passes', (name, tests) => {
  expect(rendered(`promtool/${name}.test.yml`)).toEqual([`${tests} passed, 0 failed in 1 file`]);
});

test('what does not hold is shown with what was got, and why', () => {
  const down = '{alertname="InstanceDown", instance="a:9090", job="web"';
  expect(rendered('promtool/failing.test.yml')).toEqual([
    'promtool/failing.test.yml:1:35: no file matches "rules/nothing*.yml" (warning)',
    'promtool/failing.test.yml:9:9: wrong about alerts: alert InstanceDown at 5m',
    `    expected  ${down}, severity="ticket", team="web"}`,
    `    got       ${down}, severity="page", team="web"}`,
    '                description: "Nothing of web answers at a:9090."',
    '                summary: "a:9090 is down"',
    `    because   ${down}, severity="page", team="web"} is firing: true for 5m of 5m`,
    'promtool/failing.test.yml:13:9: wrong about alerts: alert InstanceDown at 3m',
    `    expected  ${down}, severity="page", team="web"}`,
    '    got       nothing',
    `    because   ${down}, severity="page", team="web"} is pending: true for 3m of 5m`,
    'promtool/failing.test.yml:17:9: wrong about alerts: alert InstanceMissing at 3m',
    '    expected  {alertname="InstanceMissing", team="web"}',
    '    got       nothing',
    '    because   absent(up{job="db"}) matches nothing',
    '              up{instance="b:9090", job="db"} was 1 0s before',
    'promtool/failing.test.yml:20:9: wrong about alerts: alert InstanceDwn at 1m',
    '    expected  {alertname="InstanceDwn"}',
    '    got       nothing',
    '    because   no rule has the name InstanceDwn',
    'promtool/failing.test.yml:27:9: wrong about values: a at 4m',
    '    expected  a{x="1"} 4',
    '    got       a{x="1"} 5',
    '    because   a{x="1"} was 5 0s before',
    'promtool/failing.test.yml:30:9: wrong about values: b at 4m',
    '    expected  b 4',
    '    got       nothing',
    '    because   no series that it reads exists',
    '1 passed, 2 failed in 1 file',
  ]);
});

test('every problem of the tests and of their rules is reported at once, and nothing runs', () => {
  expect(rendered('promtool/broken.test.yml')).toEqual([
    'promtool/broken.test.yml:2:1: unknown field "evaluation_intervall"; did you mean "evaluation_interval"?',
    'promtool/broken.test.yml:3:28: group "broken" is named twice',
    'promtool/broken.test.yml:6:15: "interval" must be a duration such as 30s, 5m or 1h30m, not "5 minutes"',
    'promtool/broken.test.yml:8:27: the value of job must be in quotes',
    'promtool/broken.test.yml:9:34: native histograms are not supported',
    'promtool/broken.test.yml:10:34: a step needs to know how often it is taken: 1+2x3',
    'promtool/broken.test.yml:12:9: "alertname" is missing',
    'promtool/broken.test.yml:12:41: unknown field "exp_label"; did you mean "exp_labels"?',
    'promtool/broken.test.yml:14:36: "eval_time" must be a duration such as 30s, 5m or 1h30m, not "1x"',
    'promtool/broken.test.yml:18:39: the { is not closed',
    'promtool/broken.test.yml:18:49: "value" must be a number, not "one"',
    'promtool/broken.test.yml:18:70: native histograms are not supported',
    'promtool/rules/broken.yml:3:12: "limit" is not supported',
    'promtool/rules/broken.yml:6:18: write == to compare',
    'promtool/rules/broken.yml:7:19: "1st" is no name of a label',
    'promtool/rules/broken.yml:9:21: the action is not closed by }}',
    'promtool/rules/broken.yml:10:17: "bad-name" is no name of a metric',
    'promtool/rules/broken.yml:14:11: there is no function cuont; did you mean "count"?',
    'promtool/rules/broken.yml:15:9: a recording rule has no "for"',
    'promtool/rules/broken.yml:16:9: a rule needs either "record" or "alert"',
    'promtool/rules/broken.yml:17:9: a rule has either "record" or "alert", not both',
    'promtool/rules/broken.yml:20:11: group "broken" is described twice in this file',
    'promtool/rules/broken.yml:24:40: function "humanise" is not known',
    'promtool/rules/broken.yml:24:69: {{template}} is not supported here',
    '0 passed, 0 failed, 24 problems in 1 file',
  ]);
});

test('a result with one label set twice ends its test', () => {
  expect(rendered('promtool/twice.test.yml')).toEqual([
    'promtool/rules/twice.yml:4:31: both at once: rule same cannot be evaluated at 1m',
    '    expected  one value for each label set',
    '    got       the result has one label set twice, after the rule has added its labels',
    '0 passed, 1 failed in 1 file',
  ]);
});

test('tests are chosen by name', () => {
  expect(rendered('promtool/held.test.yml', /never fired/)).toEqual([
    '1 passed, 0 failed in 1 file',
  ]);
});
