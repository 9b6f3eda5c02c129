import { containerValues } from '../../../domain/drift/container-facts';
import { sentenceOf } from '../../../domain/drift/describe';
import { driftOf } from '../../../domain/drift/diff';
import type { ObservedState } from '../../../domain/action/runtime';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { BARE, digest, DOCKER } from './worlds';

function drift(wanted: Partial<DockerSpec>, seen: Partial<ObservedState>): string[] {
  const runtime = { ...DOCKER, ...wanted };
  const { image, replicas, labels, env } = runtime;
  const observed = {
    ...{ identity: 'x', isRunning: true, isAbsent: false, config: [], command: null },
    ...{ image, replicas, labels, env, resources: { cpu: null, memory: null } },
    ...seen,
  };
  return driftOf({ ...BARE, runtime }, observed, { sha256: digest }).map(sentenceOf);
}

const CHECK = { command: ['ok'], interval: 1000, timeout: 500, retries: 3, startPeriod: 0 };

it.each<[string, Partial<DockerSpec>, Partial<ObservedState>, string[]]>([
  ['nothing was looked at', { ports: ['80:80'], network: 'app' }, {}, []],
  ['the order of ports', { ports: ['1:1', '2:2'] }, { ports: ['2:2/tcp', '1:1/tcp'] }, []],
  ['every address', { ports: ['8080:80'] }, { ports: ['[0.0.0.0]:8080:80/tcp'] }, []],
  ['how an address is written', { ports: ['[0::1]:1:1'] }, { ports: ['[::1]:01:1'] }, []],
  [
    'another port',
    { ports: ['127.0.0.1:8080:80'] },
    { ports: ['[127.0.0.1]:8081:80/tcp'] },
    ['publishes ports 127.0.0.1:8081:80, desired 127.0.0.1:8080:80'],
  ],
  [
    'another protocol',
    { ports: ['53:53/udp'] },
    { ports: ['53:53/tcp'] },
    ['publishes ports 53:53, desired 53:53/udp'],
  ],
  ['no port', { ports: ['1:1'] }, { ports: [] }, ['list of ports is missing, desired 1:1']],
  ['a port', {}, { ports: ['1:1'] }, ['list of ports is 1:1, and the manifest has none']],
  [
    'how a volume is mounted',
    { volumes: ['/srv//data/:/data', 'kept:/kept:rw,z'] },
    { volumes: ['kept:/kept:rw,rprivate,rbind', '/srv/data:/data'] },
    [],
  ],
  [
    'a volume that may be written',
    { volumes: ['/srv:/srv:ro'] },
    { volumes: ['/srv:/srv'] },
    ['has list of volumes /srv:/srv, desired /srv:/srv:ro'],
  ],
  ["the engine's own network", {}, { networks: ['bridge'] }, []],
  ['its name, given', { network: 'bridge' }, { networks: ['default'] }, []],
  ['no network', {}, { networks: [] }, ['is on network none, desired default']],
  [
    'one network more',
    { network: 'app' },
    { networks: ['other', 'app'] },
    ['is on network app other, desired app'],
  ],
  ['a check that is right', { health: CHECK }, { healthCheck: CHECK }, []],
  [
    'another interval, and no start period',
    { health: { ...CHECK, startPeriod: 2000 } },
    { healthCheck: { ...CHECK, interval: 2000 } },
    [
      'has interval of health check 2000 ms, desired 1000 ms',
      'startPeriod of health check is missing, desired 2000 ms',
    ],
  ],
])('%s', (_, wanted, seen, sentences) => {
  expect(drift(wanted, seen)).toEqual(sentences);
});

it('a check that nobody wants is extra, field by field', () => {
  expect(drift({}, { healthCheck: CHECK })).toHaveLength(4);
});

it('what text is no port is compared as it is', () => {
  expect(containerValues({ ports: ['?'] }).get('/ports')).toEqual(['?']);
});
