import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = join(__dirname, '../..');
const DOCKERFILE = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

/** The part of the Compose specification that the file uses; a key outside it is a mistake. */
const healthcheck = z.strictObject({
  test: z.tuple([z.literal('CMD')], z.string()),
  interval: z.string().regex(/^\d+s$/),
  timeout: z.string().regex(/^\d+s$/),
  retries: z.number().int().min(1),
});
const condition = z.enum(['service_healthy', 'service_completed_successfully']);
const service = z.strictObject({
  image: z.string(),
  build: z
    .strictObject({
      context: z.literal('.'),
      target: z.string(),
      args: z.strictObject({ BASE: z.string() }),
    })
    .optional(),
  command: z.array(z.string()).optional(),
  init: z.boolean().optional(),
  restart: z.enum(['no', 'unless-stopped']),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  pid: z.string().optional(),
  network_mode: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  secrets: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition })).optional(),
  healthcheck: healthcheck.optional(),
});
const schema = z.strictObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});
type Service = z.output<typeof service>;

const document = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), {
  merge: true,
}) as Record<string, unknown>;
const file = schema.parse(
  Object.fromEntries(Object.entries(document).filter(([key]) => !key.startsWith('x-'))),
);
const services = Object.entries(file.services);
const ours = services.filter(([, { build }]) => build !== undefined);

function serviceOf(name: string): Service {
  const found = file.services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** The instructions of one stage of the Dockerfile. */
function stage(name: string): string {
  const stages = DOCKERFILE.split(/^FROM /m).slice(1);
  return stages.find((text) => text.split('\n')[0]?.endsWith(` AS ${name}`)) ?? '';
}

function isOneShot({ restart }: Service): boolean {
  return restart === 'no';
}

describe('docker-compose.yml', () => {
  it('has the servers and the processes', () => {
    expect(Object.keys(file.services).sort()).toEqual(
      [
        ...['postgres', 'redis', 'temporal', 'temporal-retention', 'migrate'],
        ...['api', 'worker', 'gitops', 'agent'],
      ].sort(),
    );
  });

  it.each(services)('publishes the ports of %s on 127.0.0.1 only', (_name, { ports = [] }) => {
    for (const port of ports) {
      expect(port).toMatch(/^127\.0\.0\.1:(\d+|\$\{VIGIL_[A-Z_]+:-\d+\}):\d+$/);
    }
  });

  it.each(services.filter(([, it]) => !isOneShot(it)))('checks the health of %s', (_name, it) => {
    const inImage = /^HEALTHCHECK .*\n\s*CMD \["/m.test(stage(it.build?.target ?? ''));
    expect(inImage || it.healthcheck !== undefined).toBe(true);
  });

  it.each(services)('waits in %s for what can be waited for', (_name, { depends_on = {} }) => {
    for (const [name, { condition: wanted }] of Object.entries(depends_on)) {
      const isEnding = wanted === 'service_completed_successfully';
      expect([name, isOneShot(serviceOf(name))]).toEqual([name, isEnding]);
    }
  });

  it.each(services)('names only volumes and secrets that exist in %s', (_name, it) => {
    const named = (it.volumes ?? []).map((volume) => volume.split(':')[0] ?? '');
    const volumes = named.filter((name) => !name.startsWith('./'));
    expect(Object.keys(file.volumes)).toEqual(expect.arrayContaining(volumes));
    expect(Object.keys(file.secrets)).toEqual(expect.arrayContaining(it.secrets ?? []));
  });

  it.each(services)('gives %s no secret but by file, and all the files it names', (_name, it) => {
    for (const [variable, value] of Object.entries(it.environment ?? {})) {
      if (variable.endsWith('_FILE')) {
        expect(it.secrets).toContain(/^\/run\/secrets\/(\w+)$/.exec(value)?.[1]);
      } else {
        expect(variable).not.toMatch(/PASSWORD|TOKEN|SECRET|KEY/);
        expect(value).not.toMatch(/:\/\/[^/@]*:[^/@]*@/);
      }
    }
  });

  it('makes every secret by deploy/make-secrets.sh', () => {
    const script = readFileSync(join(ROOT, 'deploy/make-secrets.sh'), 'utf8');
    const made = /^for name in (.*); do$/m.exec(script)?.[1]?.split(' ');
    expect(made).toEqual(Object.keys(file.secrets).sort());
    for (const [name, secret] of Object.entries(file.secrets)) {
      expect(secret.file).toBe(`./deploy/secrets/${name}`);
    }
  });

  it.each(ours)('builds %s from its stage and confines it', (name, it) => {
    expect(it.build?.target).toBe(name);
    expect(stage(name)).toMatch(/^CMD \[/m);
    expect(it).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    expect(it.security_opt).toEqual(['no-new-privileges:true']);
  });

  it('listens on every address only where a token is asked for, or nothing can be changed', () => {
    const api = serviceOf('api').environment ?? {};
    expect(api['VIGIL_API_HOST']).toBe('0.0.0.0');
    expect(api['VIGIL_API_TOKEN_FILE']).toBe('/run/secrets/api_token');
  });

  it('puts the agent on the worker’s host, under the name that the api gives it', () => {
    const agent = serviceOf('agent');
    const home = '/opt/vigil/.vigil';
    expect(agent.pid).toBe('service:worker');
    expect(agent.network_mode).toBe('service:worker');
    expect(agent.environment?.['VIGIL_AGENT_HOST']).toBe(
      serviceOf('api').environment?.['VIGIL_API_CONTROL_HOST'],
    );
    expect(agent.volumes).toEqual([`home:${home}:ro`]);
    expect(serviceOf('worker').volumes).toEqual([`home:${home}`]);
    expect(stage('runtime')).toContain(`ENV VIGIL_HOME=${home}\n`);
  });

  it('starts Temporal like `vigil up` does', () => {
    const source = readFileSync(join(ROOT, 'cli/up/temporal.ts'), 'utf8');
    const attributes = [...source.matchAll(/^ {2}(Vigil\w+): '(\w+)',$/gm)].map(
      ([, name = '', type = '']) => `--search-attribute=${name}=${type}`,
    );
    const values = [...source.matchAll(/^ {2}'((?:frontend|system)\.\w+=\w+)',$/gm)].map(
      ([, value = '']) => `--dynamic-config-value=${value}`,
    );
    const pragmas = [...source.matchAll(/^ {2}'([a-z_]+=-?\w+)',$/gm)].map(
      ([, value = '']) => `--sqlite-pragma=${value}`,
    );
    expect([attributes.length, values.length, pragmas.length]).toEqual([5, 2, 4]);
    expect(serviceOf('temporal').command).toEqual(
      expect.arrayContaining([...attributes, ...values, ...pragmas]),
    );
  });
});

describe('Dockerfile', () => {
  it('takes its base as an argument and runs nothing as root', () => {
    expect(DOCKERFILE).toMatch(/^ARG BASE=node:20-bookworm-slim$/m);
    expect(stage('runtime')).toMatch(/^USER vigil$/m);
    for (const [name] of ours) {
      expect(stage(name)).toMatch(new RegExp(`^runtime AS ${name}\n`));
      // Root installs at most; whoever runs is not root.
      expect(['vigil', undefined]).toContain(/^USER (?!.*^USER )(\w+)$/ms.exec(stage(name))?.[1]);
    }
  });

  it('asks for the health of each process at the port it listens on', () => {
    for (const name of ['api', 'worker', 'gitops']) {
      const port = /^EXPOSE (\d+)$/m.exec(stage(name))?.[1] ?? '';
      expect(stage(name)).toContain(`"deploy/container/healthcheck.mjs", "${port}"`);
      expect(serviceOf(name).ports?.[0]).toMatch(new RegExp(`:${port}$`));
    }
  });
});
