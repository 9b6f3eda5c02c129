import { CATALOGUES } from '../../activities/catalogue';
import { parseManifests } from '../../language/manifest/compile';

/** Compiles one Service with the runtimes that are built. */
function compile(spec: string): { service: unknown; problems: string[] } {
  const text = `apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: web }\nspec:\n${spec}`;
  const { objects, problems } = parseManifests(text, { file: 'm.yaml', catalogue: CATALOGUES });
  return {
    service: objects[0]?.service,
    problems: problems.map(({ line, message }) => `${line}: ${message}`),
  };
}

test.each([
  [
    'a process with reload and limits',
    '  runtime: { type: process, command: [web], reload: {}, limits: { memory: 512Mi, cpu: 50%, openFiles: 1024, processes: 64 } }',
    {
      ...{ type: 'process', command: ['web'], env: {}, cwd: '.', stopWithVigil: false },
      reload: { signal: 'SIGHUP' },
      limits: { memoryBytes: 536_870_912, cpuPercent: 50, openFiles: 1024, processes: 64 },
    },
  ],
  [
    'a process without them, as before',
    '  runtime: { type: process, command: [web] }',
    { type: 'process', command: ['web'], env: {}, cwd: '.', stopWithVigil: false },
  ],
  [
    'a unit of systemd',
    '  runtime: { type: systemd, unit: nginx }',
    { type: 'systemd', unit: 'nginx.service', scope: 'system' },
  ],
  [
    'a unit of a user',
    '  runtime: { type: systemd, unit: web@1.service, scope: user, allowSelf: true }',
    { type: 'systemd', unit: 'web@1.service', scope: 'user', allowSelf: true },
  ],
  ['files alone', '  runtime: { type: config }', { type: 'config' }],
  [
    'files and a command',
    '  runtime: { type: config, reload: { command: [nginx, -s, reload] } }',
    { type: 'config', reload: { command: ['nginx', '-s', 'reload'] } },
  ],
  [
    'files and a pid file',
    '  runtime: { type: config, reload: { pidFile: /run/web.pid } }',
    { type: 'config', reload: { pidFile: '/run/web.pid', signal: 'SIGHUP' } },
  ],
  [
    'files and a unit',
    '  runtime: { type: config, reload: { unit: nginx } }',
    { type: 'config', reload: { unit: 'nginx.service', scope: 'system' } },
  ],
])('%s is compiled', (_, spec, runtime) => {
  const { service, problems } = compile(spec);
  expect(problems).toEqual([]);
  expect(service).toMatchObject({ runtime });
  expect((service as { runtime: unknown }).runtime).toEqual(runtime);
});

test('a config file says whose it is and who may read it', () => {
  const { service, problems } = compile(
    `  runtime: { type: config }\n  config: [{ path: /etc/a, content: x, mode: "0640", owner: "web:adm" }]`,
  );
  expect(problems).toEqual([]);
  expect(service).toMatchObject({
    config: [{ kind: 'content', path: '/etc/a', content: 'x', mode: '0640', owner: 'web:adm' }],
  });
});

test.each([
  [
    'a unit that acts on the whole host',
    '  runtime: { type: systemd, unit: reboot.target }',
    '"unit" must be the name of one service, socket, timer, path, mount, such as nginx.service or web@1.service',
  ],
  ['a unit left out', '  runtime: { type: systemd }', '"unit" is missing'],
  [
    'a scope of another word',
    '  runtime: { type: systemd, unit: a, scope: root }',
    '"scope" must be system or user, not "root"',
  ],
  [
    'a reload of two kinds',
    '  runtime: { type: config, reload: { command: [a], unit: b } }',
    '"reload" must be one of { command: [program, argument…] }',
  ],
  [
    'a signal that ends a process',
    '  runtime: { type: process, command: [a], reload: { signal: SIGKILL } }',
    '"signal" must be SIGHUP or SIGUSR1 or SIGUSR2 or SIGWINCH, not "SIGKILL"',
  ],
  [
    'a memory without a unit',
    '  runtime: { type: process, command: [a], limits: { memory: 512 } }',
    '"memory" must be text, not 512',
  ],
  [
    'a misspelt limit',
    '  runtime: { type: process, command: [a], limits: { memroy: 512Mi } }',
    'unknown field "memroy"; did you mean "memory"?',
  ],
  [
    'a mode that YAML reads as another number',
    '  runtime: { type: config }\n  config: [{ path: a, content: x, mode: 0640 }]',
    '"mode" must be',
  ],
])('%s is refused where it stands', (_, spec, message) => {
  const { problems } = compile(spec);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});
