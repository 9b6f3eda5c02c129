import { CATALOGUES } from '../../../activities/catalogue';
import { lintTogether } from '../../../language/lint/together';
import { parseManifests } from '../../../language/manifest/compile';
import { formatProblem } from '../../../language/problem';

function compile(spec: string, name = 'web') {
  const text = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec:
${spec
  .trim()
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
`;
  const { objects, problems } = parseManifests(text, { file: 'web.yaml', catalogue: CATALOGUES });
  return {
    service: objects[0]?.service,
    policies: objects[0]?.policies ?? [],
    problems: problems.map(formatProblem),
  };
}

describe('fields beside the runtime', () => {
  test('an image makes it a set of containers', () => {
    const { service, problems } = compile(`
image: nginx:1.27
replicas: 3
env: { PORT: 80 }
resources: { cpu: 500m, memory: 1Gi }`);
    expect(problems).toEqual([]);
    expect(service?.runtime).toMatchObject({
      ...{ type: 'docker', image: 'nginx:1.27', replicas: 3, env: { PORT: '80' } },
      resources: { cpus: 0.5, memory: 2 ** 30 },
    });
  });

  test('a command makes it a process, whose resources are its limits', () => {
    const { service, problems } = compile(`
command: [sleep, "60"]
resources: { cpu: 1.5, memory: 64Mi }`);
    expect(problems).toEqual([]);
    expect(service?.runtime).toMatchObject({
      ...{ type: 'process', command: ['sleep', '60'] },
      limits: { cpuPercent: 150, memoryBytes: 64 * 2 ** 20 },
    });
  });

  test('a Service that says only what should be true is run by others', () => {
    const { service, problems } = compile(`
replicas: 3
version: 1.2.3
resources: { memory: 1G }
healthCheck: { endpoint: "http://127.0.0.1/health" }`);
    expect(problems).toEqual([]);
    expect(service).toMatchObject({
      runtime: { type: 'external' },
      desired: { replicas: 3, version: '1.2.3', resources: { cpu: null, memory: 1e9 } },
    });
  });

  test('a webhook says with them what outsiders should report', () => {
    const { service, problems } = compile(`
runtime: { type: webhook, actions: { restart: { url: "https://example.com/restart" } } }
replicas: 2`);
    expect(problems).toEqual([]);
    expect(service).toMatchObject({ runtime: { type: 'webhook' }, desired: { replicas: 2 } });
  });

  test('what stands twice, or says nothing to the runtime, is named at its place', () => {
    expect(compile(`runtime: { type: docker, image: a }\nimage: b`).problems).toEqual([
      'web.yaml:6:3: "image" stands in "runtime", too; keep one of them',
    ]);
    expect(compile(`command: [a]\nreplicas: 2`).problems).toEqual([
      'web.yaml:6:3: "replicas" says nothing to runtime process',
    ]);
    expect(
      compile(`runtime: { type: systemd, unit: nginx.service }\nresources: { cpu: 1 }`).problems,
    ).toEqual(['web.yaml:6:3: "resources" say nothing to runtime systemd']);
    expect(
      compile(`runtime: { command: [a], limits: { memory: 1Gi } }\nresources: { memory: 1Gi }`)
        .problems,
    ).toEqual(['web.yaml:6:3: "resources" stand in "runtime", too; keep one of them']);
  });

  test('a problem in one of them is at the line where it is written', () => {
    expect(compile(`image: ""\nreplicas: none`).problems).toEqual([
      'web.yaml:5:10: "image" must not be empty',
      expect.stringMatching(/^web.yaml:6:13: "replicas" must be /),
    ]);
    expect(compile(`image: a\nresources: { cpu: lots, memory: 1Zi }`).problems).toEqual([
      'web.yaml:6:21: "cpu" must be an amount of cores such as 500m or 1.5, not "lots"',
      'web.yaml:6:35: "memory" must be an amount of memory such as 512Mi or 1Gi, not "1Zi"',
    ]);
    expect(compile(`imge: a\nreplicas: 1`).problems).toEqual([
      'web.yaml:5:3: unknown field "imge"; did you mean "image"?',
    ]);
  });

  test('a Service that says nothing at all lacks its runtime', () => {
    expect(compile(`hosts: [a]`).problems).toEqual([
      expect.stringContaining('"runtime" is missing'),
    ]);
  });

  test('a policy may tell about what others run, and may do nothing to it', () => {
    const text = (action: string) => `
{ apiVersion: vigil.io/v1, kind: Service, metadata: { name: web }, spec: { replicas: 2 } }
---
{ apiVersion: vigil.io/v1, kind: Policy, metadata: { name: down },
  spec: { target: { name: web }, condition: http_up == 0, action: ${action} } }`;
    const problems = (action: string) => {
      const { objects, problems: own } = parseManifests(text(action), {
        file: 'web.yaml',
        catalogue: CATALOGUES,
      });
      return [...own, ...lintTogether(objects, CATALOGUES)].map(formatProblem);
    };
    expect(problems('notify')).toEqual([]);
    expect(problems('restart')).toEqual([expect.stringContaining('external')]);
  });
});

describe('health', () => {
  const CHECK = 'healthCheck: { endpoint: "http://127.0.0.1/h", interval: 1s';

  test('a check with remediation restarts after so many failures in a row', () => {
    const { policies, problems } = compile(`
command: [a]
${CHECK}, threshold: 3 }
remediation: { restartThreshold: 5, cooldownPeriod: 10m }`);
    expect(problems).toEqual([]);
    expect(policies).toEqual([
      expect.objectContaining({
        key: 'default/web:health',
        impliedBy: 'default/web',
        target: { name: 'web', labels: {} },
        severity: 'critical',
        steps: [{ action: 'restart', params: {} }],
        cooldownMs: 600_000,
      }),
    ]);
    expect(policies[0]?.condition.text).toBe('http_up == 0 for 5 attempts');
  });

  test('without restartThreshold the threshold counts, and without both three', () => {
    const conditionOf = (rest: string) =>
      compile(`command: [a]\n${rest}`).policies[0]?.condition.text;
    expect(conditionOf(`${CHECK}, threshold: 2 }\nremediation: {}`)).toMatch(/for 2 attempts/);
    expect(conditionOf(`${CHECK} }\nremediation: {}`)).toMatch(/for 3 attempts/);
    expect(conditionOf(`${CHECK} }\nremediation: { restartThreshold: 1 }`)).toMatch(
      /for 1 attempts/,
    );
  });

  test('a threshold alone tells people, and a check without one implies nothing', () => {
    expect(compile(`command: [a]\n${CHECK}, threshold: 2 }`).policies).toEqual([
      expect.objectContaining({ steps: [{ action: 'notify', params: {} }] }),
    ]);
    expect(compile(`command: [a]\n${CHECK} }`).policies).toEqual([]);
  });

  test('remediation needs a check, and does not come before it counts', () => {
    expect(compile(`command: [a]\nremediation: {}`).problems).toEqual([
      'web.yaml:6:3: "remediation" needs a "healthCheck", whose failures it counts',
    ]);
    expect(
      compile(`command: [a]\n${CHECK}, threshold: 4 }\nremediation: { restartThreshold: 2 }`)
        .problems,
    ).toEqual([
      `web.yaml:7:36: "restartThreshold" must be at least the health check's "threshold" (4)`,
    ]);
  });
});

describe('sync', () => {
  test('approval and backoff go to the implied policy', () => {
    const { policies, problems } = compile(`
command: [a]
sync: { mode: heal, approval: { required: 2, deadline: 1h }, backoff: [0, 5s, 1m] }`);
    expect(problems).toEqual([]);
    expect(policies).toEqual([
      expect.objectContaining({
        key: 'default/web:sync',
        approval: { required: 2, deadlineMs: 3_600_000, onDeadline: 'expire' },
        backoffMs: [0, 5000, 60_000],
      }),
    ]);
  });

  test('a backoff may grow by a factor up to its longest wait', () => {
    const waits = (backoff: string) =>
      compile(`command: [a]\nsync: { mode: heal, backoff: ${backoff} }`).policies[0]?.backoffMs;
    expect(waits('{ initial: 1s, factor: 3, max: 20s }')).toEqual([0, 1000, 3000, 9000, 20_000]);
    expect(waits('{ initial: 5s, factor: 1 }')).toEqual([0, 5000]);
    expect(compile(`command: [a]\nsync: { backoff: fast }`).problems).toEqual([
      expect.stringContaining('must be a list of 1 to 20 durations, or { initial, factor, max }'),
    ]);
  });
});

describe('rules on drift', () => {
  test('are taken as they are written', () => {
    const { service, problems } = compile(`
image: a
drift:
  ignore: [{ path: /env/DEBUG }, { path: "/config/**", owner: puppet }]
  owners: [{ path: /replicas, owner: autoscaler, min: 2, max: 10 }]
  severity: [{ path: /image, severity: critical }]`);
    expect(problems).toEqual([]);
    expect(service?.drift).toEqual({
      ignore: [{ path: '/env/DEBUG' }, { path: '/config/**', owner: 'puppet' }],
      owners: [{ path: '/replicas', owner: 'autoscaler', min: 2, max: 10 }],
      severity: [{ path: '/image', severity: 'critical' }],
    });
  });

  test('what cannot be meant is named at its place', () => {
    const problems = (rules: string) => compile(`image: a\ndrift: ${rules}`).problems;
    expect(problems('{ ignore: [{}] }')).toEqual([
      'web.yaml:6:21: a rule to ignore needs "path", "owner" or both',
    ]);
    expect(problems('{ owners: [{ path: /replicas, owner: a, min: 5, max: 2 }] }')).toEqual([
      'web.yaml:6:55: "min" must be at most "max" (2)',
    ]);
    expect(problems('{ owners: [{ path: /image, owner: a, min: 5 }] }')).toEqual([
      'web.yaml:6:29: /image is no number, so it can have no "min" and "max"',
    ]);
    expect(problems('{ ignore: [{ path: /replica }] }')).toEqual([
      'web.yaml:6:29: /replica matches no fact of a Service; did you mean "replicas"?',
    ]);
    const matchesNone = (path: string) => problems(`{ ignore: [{ path: '${path}' }] }`)[0];
    expect(matchesNone('/env')).toMatch(/\/env matches no fact .*did you mean "\/env\/\*"\?$/);
    expect(matchesNone('/config/**/own.conf')).toMatch(/matches no fact .* \/ is written ~1/);
    expect(matchesNone('/config/etc/a.conf')).toMatch(/matches no fact .* \/ is written ~1/);
    expect(matchesNone('/replicas/0')).toMatch(/matches no fact of a Service; "\/replicas" does$/);
    for (const path of [
      '/env/**',
      '/config/~1etc~1a',
      '/config/**~1a',
      '/image',
      '/ports/**',
      '/**',
    ])
      expect(matchesNone(path)).toBeUndefined();
    expect(problems('{ ignore: [{ path: replicas }] }')).toEqual([
      expect.stringContaining('must be a JSON pointer such as /replicas or /env/*'),
    ]);
  });
});

test('a checksum may be written as tools print it', () => {
  const hex = 'ab'.repeat(32);
  const { service, problems } = compile(
    `command: [a]\nconfig: [{ path: /etc/a, checksum: "sha256:${hex.toUpperCase()}" }]`,
  );
  expect(problems).toEqual([]);
  expect(service?.config).toEqual([{ kind: 'checksum', path: '/etc/a', sha256: hex }]);
});
