import type { Action } from '../answers';
import type { ApiClient } from '../client';
import { usageError } from '../failure';
import { killProcess } from './local-process';
import type { Pace } from './pace';
import { askServer, identityOf, sendSample, type Subject } from './subject';

/** What was seen of one subject since the cause began. */
export interface Observed {
  isCauseOver: boolean;
  /** Actions requested since then, oldest first. */
  actions: readonly Action[];
  /** Every verdict and phase that was seen since then, of any policy. */
  verdictsSeen: ReadonlySet<string>;
  phasesSeen: ReadonlySet<string>;
  /** Of the policies now. */
  now: readonly { phase: string; verdict: string }[];
}

export type Judgement =
  { kind: 'open'; waitsFor: string } | { kind: 'ended'; isAsItShould: boolean; words: string };

export interface Cause {
  api: ApiClient;
  subject: Subject;
  pace: Pace;
  print: (line: string) => void;
}

export interface Scenario {
  summary: string;
  /** Its sacrificial resource's policies: one condition, for how long, which action. */
  policies: readonly PolicyDraft[];
  /** Called every second until a sacrificial subject is seen as healthy: what no collector measures. */
  feed?: (cause: Cause) => Promise<void>;
  cause: (cause: Cause) => Promise<void>;
  judge: (observed: Observed) => Judgement;
}

export interface PolicyDraft {
  suffix: string;
  condition: string;
  severity: 'critical' | 'warning';
}

export const SCENARIO_NAMES = ['crash', 'load', 'flap', 'gap'] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

const DOWN: PolicyDraft = {
  suffix: 'down',
  condition: 'http_up == 0 for 2s',
  severity: 'critical',
};
const BUSY: PolicyDraft = {
  suffix: 'busy',
  // Idle it takes about 1 %; a machine that is busy itself leaves it far less than a whole core.
  condition: 'process_cpu_usage > 10% for 5s',
  severity: 'warning',
};

const FLAPS = 4;
const FLAP_MS = 2_000;
const GAP_METRIC = 'simulated_queue_length';
const BAD_VALUE = 500;
const GOOD_VALUE = 5;
const BAD_SAMPLES = 5;
const SILENCE_MS = 15_000;

const crash: Scenario = {
  summary: 'kill -9 of its process',
  policies: [DOWN, BUSY],
  async cause({ api, subject, print }) {
    const identity = await identityOf(api, subject);
    print(`${subject.resource}: killed pid ${killProcess(identity)} with SIGKILL`);
  },
  judge: ({ actions }) => judgeAction(actions),
};

const load: Scenario = {
  summary: '30 seconds of full load on one core',
  policies: [BUSY],
  async cause({ subject, print }) {
    await askServer(subject, '/load?seconds=30');
    print(`${subject.resource}: its server is under full load`);
  },
  judge: ({ actions }) => judgeAction(actions),
};

const flap: Scenario = {
  summary: `down and up again ${FLAPS} times, each shorter than the policy's for`,
  policies: [{ ...DOWN, condition: 'http_up == 0 for 15s' }],
  async cause({ subject, pace, print }) {
    for (let round = 1; round <= FLAPS; round++) {
      await askServer(subject, `/sick?seconds=${FLAP_MS / 1000}`);
      print(`${subject.resource}: down (${round} of ${FLAPS})`);
      await pace.pause(FLAP_MS);
      print(`${subject.resource}: up again`);
      await pace.pause(FLAP_MS);
    }
  },
  judge: (observed) => judgeRestraint(observed, 'true'),
};

const gap: Scenario = {
  summary: 'a series that looks bad, then stops before its policy has waited long enough',
  policies: [
    {
      suffix: 'queue',
      condition: `(${GAP_METRIC} > 100 for 3 attempts) for ${SILENCE_MS / 1000}s`,
      severity: 'warning',
    },
  ],
  feed: ({ api, subject }) => sendSample(api, subject, { name: GAP_METRIC, value: GOOD_VALUE }),
  async cause({ api, subject, pace, print }) {
    for (let sent = 0; sent < BAD_SAMPLES; sent++) {
      await sendSample(api, subject, { name: GAP_METRIC, value: BAD_VALUE });
      await pace.pause(1000);
    }
    print(`${subject.resource}: ${BAD_SAMPLES} bad samples, then silence`);
    // Longer than the policy's for: had the silence counted as bad, it would have acted by then.
    await pace.pause(SILENCE_MS + 3_000);
  },
  judge: (observed) => judgeRestraint(observed, 'unknown'),
};

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = { crash, load, flap, gap };

/** The scenario of that name. Throws usageError. */
export function scenarioOf(name: string): Scenario {
  const known = SCENARIO_NAMES.find((one) => one === name);
  if (known === undefined) {
    throw usageError(`unknown simulation "${name}": one of ${SCENARIO_NAMES.join(', ')}`);
  }
  return SCENARIOS[known];
}

/** As it should: an action is recorded as succeeded. */
export function judgeAction(actions: readonly Action[]): Judgement {
  const done = actions.find(({ outcome }) => outcome === 'succeeded');
  if (done !== undefined) {
    return { kind: 'ended', isAsItShould: true, words: 'healed, and verified by fresh samples' };
  }
  const [first] = actions.filter(({ state }) => state === 'recorded');
  if (first !== undefined) {
    const why = first.outcomeReason === null ? '' : `: ${first.outcomeReason}`;
    const words = `the action ended ${first.outcome ?? 'without an outcome'}${why}`;
    return { kind: 'ended', isAsItShould: false, words };
  }
  const [open] = actions;
  const waitsFor =
    open === undefined ? 'an action to be asked for' : `action ${open.id} (${open.state})`;
  return { kind: 'open', waitsFor };
}

/** As it should: the verdict was seen, everything is quiet again, and nothing was done. */
export function judgeRestraint(observed: Observed, verdict: 'true' | 'unknown'): Judgement {
  const [action] = observed.actions;
  if (action !== undefined) {
    const words = `action ${action.id} was asked for, and nothing should have been done`;
    return { kind: 'ended', isAsItShould: false, words };
  }
  if (!observed.isCauseOver) return { kind: 'open', waitsFor: 'the cause to be over' };
  if (!observed.verdictsSeen.has(verdict)) {
    return { kind: 'open', waitsFor: `a verdict to be ${verdict}` };
  }
  const isQuiet = observed.now.every(({ phase, verdict: present }) =>
    verdict === 'unknown' ? present !== 'true' : phase === 'inactive',
  );
  return isQuiet
    ? { kind: 'ended', isAsItShould: true, words: `the verdict was ${verdict}, nothing was done` }
    : { kind: 'open', waitsFor: 'every policy to be quiet again' };
}
