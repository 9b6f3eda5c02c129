import { CATALOGUES } from '../../../../activities/catalogue';
import { parseManifests } from '../../../../language/manifest/compile';

function compile(runtime: string) {
  const text = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: ${runtime}
`;
  const { objects, problems } = parseManifests(text, { file: 'm.yaml', catalogue: CATALOGUES });
  return { runtime: objects[0]?.service?.runtime, problems };
}

test('a Service of runtime webhook is compiled with every default filled in', () => {
  const { runtime, problems } = compile(
    '{ type: webhook, secret: "env:HOOK_KEY", inspect: { url: "https://a.example/id" }, actions: { restart: { url: "https://a.example/restart" }, purge: { url: "https://a.example/p", method: DELETE, body: { who: "{target}" }, headers: { Authorization: "file:/run/token" }, timeout: 3s, idempotent: true } } }',
  );
  expect(problems).toEqual([]);
  expect(runtime).toEqual({
    type: 'webhook',
    actions: {
      restart: {
        url: 'https://a.example/restart',
        method: 'POST',
        body: null,
        headers: {},
        timeoutMs: 10_000,
        idempotent: false,
      },
      purge: {
        url: 'https://a.example/p',
        method: 'DELETE',
        body: { who: '{target}' },
        headers: { Authorization: 'file:/run/token' },
        timeoutMs: 3_000,
        idempotent: true,
      },
    },
    inspect: { url: 'https://a.example/id', headers: {} },
    secret: 'env:HOOK_KEY',
    allowPrivate: false,
  });
});

const withAction = (fields: string, more = ''): string =>
  `{ type: webhook, actions: { fix: { ${fields} } }${more} }`;
const URL = 'url: "https://a.example/fix"';

test.each([
  ['{ type: webhook }', '"actions" is missing'],
  ['{ type: webhook, actions: {} }', 'must name at least one action'],
  [withAction(''), '"url" is missing'],
  [withAction('url: /fix'), 'must be an http:// or https:// URL'],
  [withAction('url: "ftp://a.example/"'), 'must be an http:// or https:// URL'],
  [withAction('url: "https://me:pw@a.example/"'), 'must hold no user and password'],
  [withAction('url: "https://a.example/{name}"'), 'must hold no placeholders'],
  [withAction('url: "http://127.0.0.1:9000/"'), '127.0.0.1, which is not public'],
  [withAction('url: "http://[fd00::1]/"'), 'fd00::1, which is not public'],
  [withAction(`${URL}, method: GET`), 'must be POST or PUT or PATCH or DELETE'],
  [withAction(`${URL}, timeout: 1m`), 'must be between 1ms and 30s'],
  [withAction(`${URL}, body: { a: ["{taget}"] }`), '"a[0]" has the unknown placeholder {taget}'],
  [withAction(`${URL}, headers: { Idempotency-Key: x }`), 'is set by Vigil alone'],
  [withAction(`${URL}, headers: { X-Vigil-Signature: x }`), 'is set by Vigil alone'],
  [withAction(`${URL}, headers: { Host: x }`), 'is set by Vigil alone'],
  [withAction(`${URL}, headers: { "a b": x }`), 'is no name of a header'],
  [withAction(`${URL}, headers: { A: "exec:cat /x" }`), 'must not be an exec: reference'],
  [withAction(URL, ', secret: hunter2'), 'must be a reference'],
  [withAction(URL, ', secret: "exec:cat /x"'), 'must be a reference'],
  [withAction(URL, ', inspect: { url: "http://10.0.0.1/" }'), '10.0.0.1, which is not public'],
])('%s is refused', (runtime, message) => {
  const { problems } = compile(runtime);
  expect(problems.map((problem) => problem.message)).toHaveLength(1);
  expect(problems[0]?.message).toContain(message);
  // What is refused may be a secret.
  expect(problems[0]?.message).not.toContain('hunter2');
});

test('an address that is not public may be asked for', () => {
  const { problems } = compile(withAction('url: "http://127.0.0.1:9000/"', ', allowPrivate: true'));
  expect(problems).toEqual([]);
});
