import { compileTemplate, type TemplateData } from '../../../language/policy-test/template';

const DATA: TemplateData = {
  labels: { job: 'a', host: 'b' },
  externalLabels: { site: 'paris' },
  value: 1234567,
  externalUrl: 'http://vigil.example/prom',
  now: 90_000,
  query: (expression) =>
    expression === 'up'
      ? [
          { kind: 'sample', labels: { __name__: 'up', host: 'z' }, value: 1 },
          { kind: 'sample', labels: { __name__: 'up', host: 'c' }, value: 0 },
        ]
      : [],
};

function expanded(text: string, value?: number): string {
  const template = compileTemplate(text);
  if (!template.ok) throw new Error(JSON.stringify(template.problem));
  return template.expand({ ...DATA, value: value ?? DATA.value });
}

/** What Go's own text/template makes of them. */
test.each([
  ['plain', 'plain'],
  ['{{ $labels.job }} on {{ $labels.host }}, {{ .Labels.job }}', 'a on b, a'],
  ['{{ $labels.nope }}|', '|'],
  [
    '{{ $externalLabels.site }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}',
    'paris http://vigil.example/prom http://vigil.example/prom /prom',
  ],
  ['{{ $value }} {{ .Value }}', '1.234567e+06 1.234567e+06'],
  ['{{ $labels }}', 'map[host:b job:a]'],
  [
    '{{ 5 }} {{ 0x1F }} {{ 1.50 }} {{ `raw "s"` }} {{ "q\\"" }} {{ true }}',
    '5 31 1.5 raw "s" q" true',
  ],
  [
    '{{ 1000000.0 }} {{ 123456.0 }} {{ 1234567.5 }} {{ 999999.5 }} {{ 0.00001 }} {{ 0.0001 }}',
    '1e+06 123456 1.2345675e+06 999999.5 1e-05 0.0001',
  ],
  ['a {{- " b " -}} c {{/* comment */}} d {{- /* c */ -}} e', 'a b c  de'],
  ['{{ if eq $labels.job "a" }}yes{{ else }}no{{ end }}', 'yes'],
  ['{{ if eq $labels.job "x" }}1{{ else if eq $labels.host "b" }}2{{ else }}3{{ end }}', '2'],
  ['{{ if and (eq $labels.job "a") (gt $value 1.0) }}yes{{ else }}no{{ end }}', 'yes'],
  [
    '{{ with $labels.job }}{{ . }}{{ end }}{{ with $labels.nope }}x{{ else }}none{{ end }}',
    'anone',
  ],
  ['{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}', 'host=b;job=a;'],
  ['{{ range .Labels }}{{ . }}{{ break }}{{ end }}', 'b'],
  ['{{ range query "up" }}{{ .Labels.host }}={{ .Value }} {{ end }}', 'z=1 c=0 '],
  ['{{ range query "up" | sortByLabel "host" }}{{ .Labels.host }}{{ end }}', 'cz'],
  ['{{ range $i, $s := query "up" }}{{ $i }}{{ $s | label "host" }}{{ end }}', '0z1c'],
  ['{{ range query "down" }}x{{ else }}nothing{{ end }}', 'nothing'],
  ['{{ query "up" | first | value }} {{ (query "up" | first).Labels.host }}', '1 z'],
  ['{{ with query "up" }}{{ . | first | value | humanize }}{{ end }}', '1'],
  ['{{ $x := 5 }}{{ if true }}{{ $x = 6 }}{{ end }}{{ $x }}', '6'],
  [
    '{{ eq "a" "b" "a" }} {{ lt 1 2 }} {{ gt $value 3.5 }} {{ ne 1 1 }} {{ le "a" "b" }} {{ ge 3 3 }}',
    'true true true false true true',
  ],
  [
    '{{ and 1 0 }} {{ or 0 "x" }} {{ not 0 }} {{ len "abc" }} {{ len $labels }} {{ index $labels "job" }}',
    '0 x true 3 2 a',
  ],
  ['{{ print "a" 1 2 "b" 0.3 }} {{ println "x" 1 }}', 'a1 2b0.3 x 1\n'],
  [
    '{{ printf "%d %v %s %q %t %5d|%-5d|%05d %x" 42 42 "x" "y\\"z" true 42 42 42 255 }}',
    '42 42 x "y\\"z" true    42|42   |00042 ff',
  ],
  [
    '{{ printf "%g %e %f %.2f %8.3f|%-8.1f|%+.1f" 0.3 0.00001 0.3 0.3 0.3 0.3 0.3 }}',
    '0.3 1.000000e-05 0.300000 0.30    0.300|0.3     |+0.3',
  ],
  [
    '{{ printf "%.4g %.4g %.4g %.4g %.4g %.4g" 1000.0 12345.0 123.456 0.00001234 0.01234 99999.0 }}',
    '1000 1.234e+04 123.5 1.234e-05 0.01234 1e+05',
  ],
  ['{{ printf "%.0f %.0f %.0f" 0.5 1.5 2.5 }}', '0 2 2'],
  ['{{ printf "%d %f %s" $value 3 3 }}', '%!d(float64=1.234567e+06) %!f(int=3) %!s(int=3)'],
  [
    '{{ printf "%d" }} {{ printf "x" 1 }} {{ printf "%6.2f%%" 12.345 }}',
    '%!d(MISSING) x%!(EXTRA int=1)  12.35%',
  ],
  ['{{ printf "%.3s|%5s|%-5s|" "abcdef" "ab" "ab" }}', 'abc|   ab|ab   |'],
  ['{{ $value | printf "%.0f" }} {{ 3 | printf "%d %d" 2 }}', '1234567 2 3'],
  [
    '{{ "x y&z" | urlquery }} {{ html "<a&b>" }} {{ safeHtml "<b>" }}',
    'x+y%26z &lt;a&amp;b&gt; <b>',
  ],
  [
    '{{ title "hello big world" }} {{ toUpper "aB" }} {{ "aB" | toLower }}',
    'Hello Big World AB ab',
  ],
  ['{{ match "^a+$" "aaa" }} {{ match "b" "aaa" }}', 'true false'],
  [
    '{{ reReplaceAll "(.*):\\\\d+" "$1!" "host:9100" }} {{ reReplaceAll "o(?P<x>.)" "[${x}]" "foo bor" }}',
    'host! f[o] b[r]',
  ],
  [
    '{{ stripPort "a:90" }} {{ stripDomain "a.b.c:90" }} {{ parseDuration "1h30m" }} {{ now }}',
    'a a:90 5400 90',
  ],
  ['{{ graphLink "up == 0" }}', '/graph?g0.expr=up+%3D%3D+0&g0.tab=0'],
  ['{{ args 1 "x" }}', 'map[arg0:1 arg1:x]'],
])('%s', (text, result) => {
  expect(expanded(text)).toBe(result);
});

test.each([
  ['humanize', 0, '0'],
  ['humanize', 1234567, '1.235M'],
  ['humanize', 0.001, '1m'],
  ['humanize', -1500, '-1.5k'],
  ['humanize', NaN, 'NaN'],
  ['humanize', Infinity, '+Inf'],
  ['humanize1024', 1048576, '1Mi'],
  ['humanize1024', 1500, '1.465ki'],
  ['humanize1024', 0.5, '0.5'],
  ['humanizeDuration', 0, '0s'],
  ['humanizeDuration', 0.001, '1ms'],
  ['humanizeDuration', 12.345678, '12.35s'],
  ['humanizeDuration', 60, '1m 0s'],
  ['humanizeDuration', 3661, '1h 1m 1s'],
  ['humanizeDuration', -(86400 * 2 + 3600 * 3 + 245), '-2d 3h 4m 5s'],
  ['humanizePercentage', 0.1234567, '12.35%'],
  ['humanizePercentage', 1, '100%'],
  ['humanizeTimestamp', 0, '1970-01-01 00:00:00 +0000 UTC'],
  ['humanizeTimestamp', 1435065584.128, '2015-06-23 13:19:44.128 +0000 UTC'],
])('%s of %d is %s', (name, value, result) => {
  expect(expanded(`{{ $value | ${name} }}`, value)).toBe(result);
});

test.each([
  ['{{ unknown 3 }}', 3, 'function "unknown" is not known'],
  ['{{ $nope }}', 3, 'undefined variable "$nope"'],
  ['{{ if }}x{{ end }}', 5, 'missing value for if'],
  ['{{ .Value', 0, 'the action is not closed by }}'],
  ['a {{ end }}', 2, 'unexpected {{end}}'],
  ['{{ if true }}x', 0, 'this block has no {{end}}'],
  ['{{ break }}', 0, '{{break}} outside {{range}}'],
  ['{{ define "x" }}{{ end }}', 0, '{{define}} is not supported here'],
  ['{{ template "x" }}', 0, '{{template}} is not supported here'],
  ['{{ "a" "b }}', 7, '"\\"b" does not belong here'],
  ['{{ ($value }}', 3, 'the ( is not closed'],
])('%s is refused', (text, at, message) => {
  expect(compileTemplate(text)).toEqual({ ok: false, problem: { at, message } });
});

test.each([
  ['{{ gt $value 3 }}', 'error calling gt: incompatible types for comparison: float64 and int'],
  ['{{ query "down" | first }}', 'error calling first: first() called on vector with no elements'],
  ['{{ $labels.job.x }}', "can't evaluate field x in type string"],
  [
    '{{ humanize "one" }}',
    'error calling humanize: strconv.ParseFloat: parsing "one": invalid syntax',
  ],
  ['{{ range "abc" }}{{ end }}', "range can't iterate over abc"],
  ['{{ nil }}', 'nil is not a command'],
  ['{{ match "(" "a" }}', 'error calling match'],
])('%s says in its text what went wrong', (text, message) => {
  expect(expanded(text)).toMatch(/^<error expanding template: .*>$/);
  expect(expanded(text)).toContain(message);
});
