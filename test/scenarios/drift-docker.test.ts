/** What people do to containers by hand, on a real Docker engine: told within two seconds, and repaired. */
import type Docker from 'dockerode';
import type { Container } from 'dockerode';
import { describeWithDocker, dockerAt, dockerHost } from '../support/docker-engine';
import { startDriftScenario, type DriftScenario } from '../support/drift-scenario';
import { waitFor } from '../support/wait';

const TOLD_MS = 2000;
/** On a machine that is busy; well below the time after which every resource is looked at anyway. */
const PATIENCE_MS = 20_000;

let scenario: DriftScenario;
let docker: Docker;

function manifest({
  name = 'web',
  replicas = 2,
  mode = 'heal',
  drift = '{}',
  scaling = '{ min: 1, max: 4 }',
} = {}): string {
  return `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec:
  runtime:
    type: docker
    image: vigil-test:1
    command: [sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait']
    network: none
    env: { A: "1" }
    replicas: ${replicas}
    stopTimeout: 2s
    runningFor: 100ms
  sync: { mode: ${mode}, cooldown: 1s }
  drift: ${drift}
  scaling: ${scaling}
`;
}

async function containers(): Promise<Container[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`vigil.owner=${scenario.plane.home}`] },
  });
  const named = found.map(({ Id, Names }) => [Names[0] ?? '', docker.getContainer(Id)] as const);
  return named.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, container]) => container);
}

async function first(): Promise<Container> {
  const [container] = await containers();
  if (container === undefined) throw new Error('no container');
  return container;
}

/** How long after the deed each was told, and its onset. */
const tookMs: number[] = [];
const onsetMs: number[] = [];

function middleOf(times: readonly number[]): number | undefined {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

/** The differences that what is done leads to, once they are told. */
async function toldOf(
  pointers: readonly string[],
  does: () => Promise<unknown>,
  name = 'web',
): Promise<Awaited<ReturnType<DriftScenario['open']>>> {
  const from = Date.now();
  await does();
  const doneAt = Date.now();
  const told = await scenario.untilOpen(name, pointers, PATIENCE_MS);
  const toldAt = Date.now();
  tookMs.push(toldAt - doneAt);
  for (const { onset } of told) {
    expect(onset).toBeGreaterThanOrEqual(from);
    expect(onset).toBeLessThanOrEqual(toldAt);
    onsetMs.push(onset - doneAt);
  }
  return told;
}

jest.setTimeout(120_000);

describeWithDocker('drift of containers', () => {
  beforeEach(async () => {
    scenario = await startDriftScenario(dockerHost());
    docker = dockerAt(dockerHost());
  });
  afterAll(() => {
    // A busy machine may delay some of them.
    if (tookMs.length === 0) return;
    expect(middleOf(tookMs)).toBeLessThan(TOLD_MS);
    expect(middleOf(onsetMs)).toBeLessThan(TOLD_MS);
  });
  afterEach(async () => {
    await scenario.stop();
    await Promise.all((await containers()).map((one) => one.remove({ force: true, v: true })));
  });

  test('one that is stopped by hand is told with its onset and cause, and runs again', async () => {
    await scenario.apply(manifest());
    await scenario.untilSame('web');
    const [change] = await toldOf(['/replicas'], async () => (await first()).stop({ t: 1 }));
    expect(change).toMatchObject({
      ...{ kind: 'changed', desired: 2, observed: 1, severity: 'warning' },
      attribution: {
        from: 'event',
        by: null,
        what: expect.stringMatching(/^container vigil-/) as string,
      },
    });
    await scenario.plane.recorded('web', 'succeeded');
    await scenario.untilSame('web');
    expect(await scenario.open('web')).toEqual([]);
    expect(await scenario.outcomes('web')).toEqual(['succeeded']);
  });

  test('one that is removed, and one that is made by hand with another variable, are healed', async () => {
    await scenario.apply(manifest());
    await scenario.untilSame('web');
    const [gone] = await toldOf(['/replicas'], async () => (await first()).remove({ force: true }));
    // Which of its events comes before the look is a matter of luck.
    expect(gone?.attribution?.what).toMatch(
      /(was sent signal 9|exited with code 137|was removed)$/,
    );
    await scenario.plane.recorded('web', 'succeeded');
    await scenario.untilSame('web');
    const old = await (await first()).inspect();
    const told = await toldOf(['/env/A'], async () => {
      await docker.getContainer(old.Id).remove({ force: true });
      const { Image, Cmd, Labels } = old.Config;
      const made = await docker.createContainer({
        ...{ name: old.Name.slice(1), Image, Cmd, Labels, Env: ['A=2'] },
        HostConfig: { NetworkMode: 'none' },
      });
      await made.start();
    });
    expect(told).toMatchObject([{ desired: '1', observed: '2', attribution: { from: 'event' } }]);
    await waitFor('the second repair', async () => (await scenario.outcomes('web')).length === 2);
    await scenario.untilSame('web');
    expect((await (await first()).inspect()).Config.Env).toContain('A=1');
    await waitFor('its record', async () =>
      (await scenario.outcomes('web')).every((outcome) => outcome === 'succeeded'),
    );
  });

  test('more of them than the manifest wants, made by hand, are told and removed', async () => {
    await scenario.apply(manifest({ replicas: 1 }));
    await scenario.untilSame('web');
    const { Id, Config } = await (await first()).inspect();
    const { Image, Cmd, Labels, Env } = Config;
    const make = async (name: string, labels: Record<string, string>): Promise<void> => {
      const made = await docker.createContainer({
        ...{ name: `${scenario.plane.home.split('-').at(-1) ?? ''}-${name}`, Image, Cmd, Env },
        Labels: { ...Labels, ...labels },
        HostConfig: { NetworkMode: 'none' },
      });
      await made.start();
    };
    // One with a number of its own, and one that has the number of another.
    const [change] = await toldOf(['/replicas'], async () => {
      await make('second', { 'vigil.replica': '2' });
      await make('copy', {});
    });
    expect(change).toMatchObject({ desired: 1, attribution: { from: 'event' } });
    await scenario.plane.recorded('web', 'succeeded');
    await scenario.untilSame('web');
    expect(await scenario.open('web')).toEqual([]);
    expect((await containers()).map(({ id }) => id)).toEqual([Id]);
  });

  test('an owner may set what is within his range, and what is ignored stays as it is', async () => {
    const drift = `{ ignore: [{ path: /env/DEBUG }], owners: [{ path: /replicas, owner: autoscaler, min: 1, max: 3 }] }`;
    await scenario.apply(manifest({ drift }));
    await scenario.untilSame('web');
    const [, second] = await containers();
    await second?.remove({ force: true });
    const old = await (await first()).inspect();
    await docker.getContainer(old.Id).remove({ force: true });
    const { Image, Cmd, Labels } = old.Config;
    const made = await docker.createContainer({
      ...{ name: old.Name.slice(1), Image, Cmd, Labels, Env: ['A=1', 'DEBUG=yes'] },
      HostConfig: { NetworkMode: 'none' },
    });
    await made.start();
    await scenario.untilSame('web');
    // Longer than the verdict's `for`.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(await scenario.open('web')).toEqual([]);
    expect(await scenario.outcomes('web')).toEqual([]);
    expect(await containers()).toHaveLength(1);
  });

  test('mode detect tells, and repairs nothing', async () => {
    await scenario.apply(manifest({ mode: 'detect', replicas: 1 }));
    await scenario.untilSame('web');
    const [change] = await toldOf(['/running'], async () => (await first()).kill());
    expect(change).toMatchObject({ severity: 'critical', attribution: { from: 'event' } });
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(await scenario.outcomes('web')).toEqual([]);
    expect((await (await first()).inspect()).State.Running).toBe(false);
  });

  test('what an action scaled is no drift, until the manifest says another number', async () => {
    await scenario.apply(manifest({ replicas: 1 }));
    await scenario.untilSame('web');
    const asked = await scenario.api.app.inject({
      ...{ method: 'POST', url: '/api/v1/actions' },
      payload: { target: 'web', action: 'scale', params: { by: 1 }, reason: 'a sale' },
    });
    expect([asked.statusCode, asked.body]).toEqual([201, expect.any(String)]);
    await waitFor('two containers', async () => (await containers()).length === 2);
    const seen = async (replicas: number): Promise<void> => {
      await waitFor(`a look at ${replicas}`, async () => {
        const rows = await scenario.plane.rows(
          `select 1 from states where resource = 'default/web' and changes = '[]'
             and (observed ->> 'replicas')::int = $1`,
          replicas,
        );
        return rows.length > 0;
      });
    };
    await seen(2);
    expect(await scenario.plane.rows('select value, desired from overrides')).toEqual([
      { value: 2, desired: 1 },
    ]);
    // Longer than the verdict's `for`.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(await scenario.open('web')).toEqual([]);
    // Until it is verified, nothing else acts on its target.
    await scenario.plane.recorded('web', 'succeeded');
    await scenario.apply(manifest({ replicas: 3 }));
    await seen(3);
    expect(await scenario.plane.rows('select 1 from overrides')).toEqual([]);
    expect(await containers()).toHaveLength(3);
  });

  test('a new manifest is repaired as the drift of who changed it', async () => {
    await scenario.apply(manifest({ replicas: 1, mode: 'detect' }));
    await scenario.untilSame('web');
    const [change] = await toldOf(['/replicas'], () =>
      scenario.apply(manifest({ replicas: 2, mode: 'detect' })),
    );
    expect(change).toMatchObject({
      ...{ desired: 2, observed: 1 },
      attribution: { from: 'git', by: 'vigil', what: 'the manifest changed in revision 2 of test' },
    });
  });
});
