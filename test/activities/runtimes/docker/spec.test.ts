import { CATALOGUES } from '../../../../activities/catalogue';
import { parseMemory } from '../../../../domain/quantity';
import { compileDocument } from '../../../../language/manifest/compile';

function compiled(runtime: object) {
  const document = {
    ...{ apiVersion: 'vigil.io/v1', kind: 'Service', metadata: { name: 'web' } },
    spec: { runtime: { type: 'docker', ...runtime } },
  };
  return compileDocument(document, { file: 'api', catalogue: CATALOGUES });
}

test('a manifest needs an image and nothing else; every default is filled in', () => {
  const { objects, problems } = compiled({ image: 'nginx:1.27' });
  expect(problems).toEqual([]);
  expect(objects[0]).toMatchObject({
    service: {
      runtime: {
        ...{
          type: 'docker',
          image: 'nginx:1.27',
          adopt: null,
          command: null,
          env: {},
          replicas: 1,
        },
        ...{ resources: { cpus: null, memory: null }, network: null, ports: [], volumes: [] },
        ...{ labels: {}, stopTimeout: 10_000, health: null, healthyWithin: 30_000 },
        ...{ runningFor: 3_000, pull: 'never' },
      },
    },
  });
});

test('what Docker has words for is written in them, and comes out in ms and bytes', () => {
  const { objects, problems } = compiled({
    image: 'app',
    env: { PORT: 3000, DEBUG: true, TOKEN: 'file:/run/token' },
    resources: { cpus: 0.5, memory: '512Mi' },
    ports: ['127.0.0.1:8080:80', '53:53/udp', '[::1]:81:80/tcp'],
    volumes: ['data:/var/lib/app', '/srv/conf:/etc/app:ro'],
    stopTimeout: '30s',
    health: { command: ['true'], interval: '5s' },
  });
  expect(problems).toEqual([]);
  expect(objects[0]).toMatchObject({
    service: {
      runtime: {
        env: { PORT: '3000', DEBUG: 'true', TOKEN: 'file:/run/token' },
        resources: { cpus: 0.5, memory: 512 * 2 ** 20 },
        stopTimeout: 30_000,
        health: { command: ['true'], interval: 5000, timeout: 5000, retries: 3, startPeriod: 0 },
      },
    },
  });
});

test.each<[string, object, string, string]>([
  ['neither image nor adopt', {}, '/image', '"image" is missing'],
  ['image and adopt', { image: 'a', adopt: 'b' }, '/adopt', 'leave "image" out'],
  ['a misspelt field', { image: 'a', replica: 2 }, '/replica', 'did you mean "replicas"?'],
  [
    'a misspelt nested field',
    { image: 'a', resources: { cpu: 1 } },
    '/resources/cpu',
    'unknown field "cpu"',
  ],
  ['a command as text', { image: 'a', command: 'sleep 1' }, '/command', 'must be a list'],
  ['no replicas', { image: 'a', replicas: 0 }, '/replicas', 'must be at least 1'],
  [
    'memory without a unit it knows',
    { image: 'a', resources: { memory: '5q' } },
    '/resources/memory',
    'such as 512Mi',
  ],
  [
    'too little memory',
    { image: 'a', resources: { memory: '1Mi' } },
    '/resources/memory',
    'at least 6Mi',
  ],
  ['one port', { image: 'a', ports: ['80'] }, '/ports/0', 'must be HOST:CONTAINER'],
  [
    'a port of several',
    { image: 'a', ports: ['8080:80'], replicas: 2 },
    '/ports',
    'by one container only',
  ],
  [
    'a port on host',
    { image: 'a', ports: ['8080:80'], network: 'host' },
    '/ports',
    'not published',
  ],
  ['a volume without a path', { image: 'a', volumes: ['data'] }, '/volumes/0', 'SOURCE:/PATH'],
  [
    'a label of ours',
    { image: 'a', labels: { 'vigil.owner': 'x' } },
    '/labels/vigil.owner',
    'Vigil itself',
  ],
  [
    'a number that reads differently',
    { image: 'a', env: { V: 1.1 } },
    '/env/V',
    'put it in quotes',
  ],
  [
    'no name of a variable',
    { image: 'a', env: { 'A-B': '1' } },
    '/env/A-B',
    'environment variable',
  ],
  [
    'a duration without a unit it knows',
    { image: 'a', stopTimeout: '1y' },
    '/stopTimeout',
    'is no duration',
  ],
  ['another pull', { image: 'a', pull: 'always' }, '/pull', 'must be never or missing'],
])('%s is a problem at its place', (_, runtime, place, message) => {
  const { objects, problems } = compiled(runtime);
  expect(objects).toEqual([]);
  expect(problems.map((problem) => problem.message)).toContainEqual(
    expect.stringMatching(
      new RegExp(`^/spec/runtime${place}[^:]*: .*${message.replaceAll(/[?"]/g, '.')}`),
    ),
  );
});

test.each([
  ['512Mi', 512 * 2 ** 20],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['2G', 2e9],
  ['1048576', 1_048_576],
  ['512m', null],
  ['-1Mi', null],
  ['', null],
])('memory of %s is %s bytes', (text, bytes) => {
  expect(parseMemory(text)).toBe(bytes);
});
