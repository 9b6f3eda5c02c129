import { shareOf, type Group } from '../group';
import type { Hold } from './action';

/** A group as admission sees it: who is in it, who is down, who is being acted on. */
export interface GroupLoad {
  /** What people call it: a group's key, or `the targets of default/web-cpu`. */
  name: string;
  /** Key of the Group; null for the targets of a policy, which open no storm. */
  key: string | null;
  limits: Group['limits'];
  storm: Group['storm'];
  /** Members with a manifest: the denominator of percentages. */
  members: number;
  /** Their keys. */
  keys: ReadonlySet<string>;
  /** Firing, acting or unknown; keys of resources. */
  unhealthy: ReadonlySet<string>;
  /** Members that hold a slot. */
  acting: ReadonlySet<string>;
  /** When each member that is failing now began to, epoch ms. */
  onsets: readonly number[];
}

type Held = Omit<Hold, 'gate'> | null;

/** The first group in which no more members may be acted on. */
export function slotsHold(groups: readonly GroupLoad[]): Held {
  return firstOf(groups, ({ name, limits, members, acting }) => {
    if (limits.maxConcurrent === undefined) return null;
    const allowed = shareOf(limits.maxConcurrent, members);
    if (acting.size < allowed) return null;
    const why =
      allowed === 0
        ? `none of ${members} members of ${name} may be`
        : `${acting.size} of at most ${allowed} members of ${name} are being`;
    return `${why} acted on`;
  });
}

/**
 * The first group that would have too many members down: those that are unhealthy, and the target,
 * which an action takes down for a while.
 */
export function blastHold(groups: readonly GroupLoad[], target: string): Held {
  return firstOf(groups, ({ name, limits, members, unhealthy }) => {
    const down = unhealthy.has(target) ? unhealthy.size : unhealthy.size + 1;
    const { maxUnhealthy, unhealthyRange: range } = limits;
    const of = `${down} of ${members} members of ${name} are unhealthy or would be`;
    if (maxUnhealthy !== undefined) {
      const allowed = shareOf(maxUnhealthy, members);
      const words =
        maxUnhealthy.kind === 'percent'
          ? `${maxUnhealthy.percent} % = ${allowed}`
          : String(allowed);
      if (down > allowed) return `${of}; at most ${words} may be`;
    }
    if (range === undefined || (down >= range.min && down <= range.max)) return null;
    return `${of}; actions are for ${range.min} to ${range.max}`;
  });
}

/** The first group in which so many members failed together that the cause is elsewhere. */
export function stormHold(groups: readonly GroupLoad[], now: number): Held {
  for (const group of groups) {
    const until = stormUntil(group, now);
    if (until === null) continue;
    const withinSeconds = Math.round((group.storm?.withinMs ?? 0) / 1000);
    const failed = recent(group, now).length;
    return {
      detail: `storm in ${group.name}: ${failed} of ${group.members} members began to fail within ${withinSeconds} s`,
      until,
      ...(group.key === null ? {} : { group: group.key }),
    };
  }
  return null;
}

/** When the storm over a group passes if nothing more fails, epoch ms; null: there is none. */
export function stormUntil(group: GroupLoad, now: number): number | null {
  if (group.storm === null) return null;
  // A share that comes to nothing is no reason to call one failure a storm.
  const needed = Math.max(2, shareOf(group.storm.members, group.members));
  const onsets = recent(group, now).sort((a, b) => b - a);
  const last = onsets[needed - 1];
  return last === undefined ? null : last + group.storm.withinMs;
}

function recent({ onsets, storm }: GroupLoad, now: number): number[] {
  return onsets.filter((onset) => storm !== null && now - onset < storm.withinMs);
}

function firstOf(groups: readonly GroupLoad[], why: (group: GroupLoad) => string | null): Held {
  for (const group of groups) {
    const detail = why(group);
    if (detail !== null) return { detail, until: null };
  }
  return null;
}
