import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUES } from '../../activities/catalogue';
import type { ActivityDeps } from '../../activities';
import type { ExecuteRequest } from '../../domain/action/runtime';
import { parseManifests } from '../../language/manifest/compile';
import { createTestApi, type TestApi } from './api';
import { APPROVAL_KEY, startControlPlane, type ControlPlane } from './control-plane';
import { createCountingRuntime, type CountingRuntime } from './counting-runtime';
import { waitFor } from './wait';

/** What `./vigil why` answers, as far as scenarios read it. */
interface WhyAnswer {
  text: string[];
  policies: {
    policy: string;
    phase: string;
    held: { gate: string; detail: string } | null;
    waitsFor: string | null;
    until: string | null;
    maxAttempts: number;
  }[];
}

/**
 * A control plane, its API, and a small world: resources whose metrics are sent again and again, and
 * whose restart makes them well, unless a scenario says otherwise.
 */
export interface Scenario {
  plane: ControlPlane;
  api: TestApi;
  runtime: CountingRuntime;
  /** Applies YAML as a user writes it; warnings are no problem, errors are thrown. */
  apply: (yaml: string) => Promise<void>;
  /** What is sent of a resource from now on; null: nothing of that metric. */
  set: (name: string, metrics: Record<string, number | null>) => void;
  /** What an effect does to the world; by default `up` becomes 1. */
  onEffect: (does: (name: string, request: ExecuteRequest) => Promise<void> | void) => void;
  why: (name: string) => Promise<WhyAnswer>;
  phaseOf: (name: string, policy: string) => Promise<string | undefined>;
  heldBy: (name: string, policy: string) => Promise<{ gate: string; detail: string } | null>;
  /** Waits until the policy on the resource is held by that gate, as `why` says; returns the detail. */
  untilHeld: (name: string, policy: string, gate: string) => Promise<string>;
  /** How often its target was acted on. */
  effectsOn: (name: string) => Promise<number>;
  /** Outcomes and their reasons, oldest first; of actions that are under way null. */
  actionsOf: (name: string) => Promise<ActionRow[]>;
  events: (name: string) => Promise<string[]>;
  noticesOf: (kind: string) => Promise<{ resolved: boolean; title: string }[]>;
  stop: () => Promise<void>;
}

export interface ActionRow {
  id: string;
  policy: string | null;
  state: string;
  outcome: string | null;
  reason: string | null;
}

const SEND_EVERY_MS = 200;

export async function startScenario(
  options: { deps?: Partial<ActivityDeps>; sweepMs?: number } = {},
): Promise<Scenario> {
  let runtime: CountingRuntime | undefined;
  const plane = await startControlPlane(
    (home) => [(runtime = createCountingRuntime(home))],
    options,
  );
  if (runtime === undefined) throw new Error('the control plane made no runtime');
  const approvalKeyFile = join(plane.home, 'approval.key');
  writeFileSync(approvalKeyFile, APPROVAL_KEY);
  const api = await createTestApi({
    pool: plane.database.pool,
    config: { approvalKeyFile },
    deps: { temporal: plane.temporal.client },
  });
  const world = createWorld(plane, runtime);
  return {
    ...{ plane, api, runtime, set: world.set, onEffect: world.onEffect },
    ...createReaders({ plane, runtime, api }),
    apply: (yaml) => plane.apply(...compile(yaml)),
    async stop() {
      await world.stopSending();
      await api.close();
      await plane.stop();
    },
  };
}

/** The objects of a manifest as the language compiles it. */
function compile(yaml: string) {
  const { objects, problems } = parseManifests(yaml, {
    file: 'scenario.yaml',
    catalogue: CATALOGUES,
  });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new Error(errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return objects;
}

function createWorld(plane: ControlPlane, runtime: CountingRuntime) {
  const world = new Map<string, Record<string, number | null>>();
  const set: Scenario['set'] = (name, metrics) => {
    world.set(name, { ...world.get(name), ...metrics });
  };
  let does: (name: string, request: ExecuteRequest) => Promise<void> | void = (name) => {
    set(name, { up: 1 });
  };
  runtime.onExecute = async (request) => {
    await does(request.target.resource.replace('default/', ''), request);
  };
  const stopSending = plane.keepSending(SEND_EVERY_MS, async () => {
    const ts = Date.now();
    await Promise.all(
      [...world].flatMap(([name, metrics]) =>
        Object.entries(metrics).flatMap(([metric, value]) =>
          value === null ? [] : [plane.send(name, metric, value, ts)],
        ),
      ),
    );
  });
  const onEffect: Scenario['onEffect'] = (next) => {
    does = next;
  };
  return { set, onEffect, stopSending };
}

function createReaders({ plane, runtime, api }: Pick<Scenario, 'plane' | 'runtime' | 'api'>) {
  const { rows } = plane;
  const why: Scenario['why'] = async (name) => {
    const answer = await api.app.inject(`/api/v1/resources/default/${name}/why`);
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return answer.json<WhyAnswer>();
  };
  const policyOf = async (name: string, policy: string) =>
    (await why(name)).policies.find((one) => one.policy === `default/${policy}`);
  const heldBy: Scenario['heldBy'] = async (name, policy) =>
    (await policyOf(name, policy))?.held ?? null;
  return {
    why,
    heldBy,
    phaseOf: async (name: string, policy: string) => (await policyOf(name, policy))?.phase,
    untilHeld: async (name: string, policy: string, gate: string) =>
      waitFor(`${name} to be held by ${gate}`, async () => {
        const held = await heldBy(name, policy);
        return held?.gate === gate && held.detail;
      }),
    async effectsOn(name: string) {
      const acted = runtime.effects().map((key) => key.slice(0, key.indexOf('/')));
      const found = await rows(
        `select 1 from unnest($2::uuid[]) as e (action_id) join requests using (action_id) where target = $1`,
        `default/${name}`,
        acted,
      );
      return found.length;
    },
    actionsOf: (name: string) =>
      rows<ActionRow>(
        `select action_id as id, policy, state, outcome, outcome_reason as reason from actions
          where resource = $1 order by requested_at`,
        `default/${name}`,
      ),
    async events(name: string) {
      const found = await rows<{ event: string }>(
        'select event from audit_events where resource = $1 order by id',
        `default/${name}`,
      );
      return found.map(({ event }) => event);
    },
    noticesOf: (kind: string) =>
      rows<{ resolved: boolean; title: string }>(
        'select resolved, title from notices where kind = $1 order by id',
        kind,
      ),
  };
}

/** One Service per name, as YAML; `more` goes into each spec. */
export function servicesYaml(
  names: readonly string[],
  { labels = '', more = '' }: { labels?: string; more?: string } = {},
): string {
  return names
    .map(
      (name) => `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name}${labels === '' ? '' : `, labels: ${labels}`} }
spec:
  runtime: { type: process, command: ['true'] }
  ${more}
---`,
    )
    .join('');
}
