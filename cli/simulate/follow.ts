import { Action, ActionStory, listOf, Why } from '../answers';
import type { ApiClient } from '../client';
import { resourcePath, rowText } from '../output';
import type { Pace } from './pace';
import type { Judgement, Observed, Scenario } from './scenarios';
import type { Subject } from './subject';

export interface Follower {
  causeIsOver: () => void;
  /** Polls and prints until the scenario ended; throws CliFailure at the deadline. */
  toTheEnd: (scenario: Scenario, withinMs: number) => Promise<Judgement & { kind: 'ended' }>;
}

export interface FollowDeps {
  api: ApiClient;
  pace: Pace;
  print: (line: string) => void;
}

/** Tells the story of one subject from now on; actions that were there before are no part of it. */
export async function createFollower(deps: FollowDeps, subject: Subject): Promise<Follower> {
  const { api, pace } = deps;
  const earlier = new Set((await listActions(api, subject)).map(({ id }) => id));
  const tellRows = createRowTeller(deps, subject);
  const tellPhases = createPhaseTeller(deps.print);
  const verdictsSeen = new Set<string>();
  const phasesSeen = new Set<string>();
  let isCauseOver = false;

  async function observe(): Promise<Observed> {
    const why = await api.get(`/resources/${resourcePath(subject.resource)}/why`, Why);
    const actions = (await listActions(api, subject)).filter(({ id }) => !earlier.has(id));
    for (const { verdict, phase } of why.policies) {
      verdictsSeen.add(verdict);
      phasesSeen.add(phase);
    }
    tellPhases(why.policies);
    for (const { id } of actions) await tellRows(id);
    return { isCauseOver, actions, verdictsSeen, phasesSeen, now: why.policies };
  }

  return {
    causeIsOver() {
      isCauseOver = true;
    },
    toTheEnd(scenario, withinMs) {
      let waitsFor = '';
      const words = () =>
        `${subject.resource}: not over after ${withinMs / 1000} s; still waiting for ${waitsFor}`;
      return pace.until(
        async () => {
          const judgement = scenario.judge(await observe());
          if (judgement.kind === 'ended') return judgement;
          waitsFor = judgement.waitsFor;
          return null;
        },
        { withinMs, words },
      );
    },
  };
}

/** Oldest first. */
async function listActions(api: ApiClient, { resource }: Subject): Promise<Action[]> {
  const { items } = await api.get('/actions', listOf(Action), { resource, limit: 50 });
  return items.reverse();
}

/** Prints each audit row of an action once. */
function createRowTeller({ api, print }: FollowDeps, { resource }: Subject) {
  const told = new Set<string>();
  return async (actionId: string): Promise<void> => {
    const { audit } = await api.get(`/actions/${actionId}`, ActionStory);
    for (const row of audit) {
      if (told.has(String(row.id))) continue;
      told.add(String(row.id));
      print(`${resource}: ${rowText(row)}`);
    }
  };
}

/** Prints a policy's phase and verdict whenever one of them changed. */
function createPhaseTeller(print: (line: string) => void): (policies: Why['policies']) => void {
  const told = new Map<string, string>();
  return (policies) => {
    for (const { policy, phase, verdict, waitsFor, held } of policies) {
      const text = `${phase}, verdict ${verdict}`;
      if (told.get(policy) === text) continue;
      told.set(policy, text);
      const gate = held ? `, held by ${held.gate}: ${held.detail}` : '';
      const waits = waitsFor && !held ? `, waits for ${waitsFor}` : '';
      print(`${policy}: ${text}${gate}${waits}`);
    }
  };
}
