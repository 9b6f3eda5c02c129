import { shareOf, type Group } from '../../domain/group';
import { nobodyMeant, roundedToNothing, targetsOf, type Remark, type Whole } from './whole';

/** What the members of a group show of its limits. */
export function groupRemarks(group: Group, whole: Whole): Remark[] {
  const total = targetsOf(whole, group).length;
  if (total === 0) return nobodyMeant(whole, 'members', `Group ${group.key} has as members`);
  const { maxUnhealthy, maxConcurrent, unhealthyRange } = group.limits;
  return [
    ...roundedToNothing(maxUnhealthy, { field: 'limits.maxUnhealthy', total }),
    ...roundedToNothing(maxConcurrent, { field: 'limits.maxConcurrent', total }),
    ...outOfReach(unhealthyRange, total),
    ...calm(group.storm, total),
  ];
}

function outOfReach(range: Group['limits']['unhealthyRange'], total: number): Remark[] {
  if (range === undefined || range.min <= total) return [];
  const field = 'limits.unhealthyRange';
  const message = `${field}: ${range.min} of ${total} are never unhealthy: never heals`;
  return [{ severity: 'error', field, message }];
}

/** Fewer than two are never a storm, whatever the share comes to. */
function calm(storm: Group['storm'], total: number): Remark[] {
  if (storm?.members.kind !== 'percent' || shareOf(storm.members, total) > 1) return [];
  const field = 'storm.members';
  const { percent } = storm.members;
  const message = `${field}: ${percent} % of ${total} = ${shareOf(storm.members, total)}: a storm takes at least 2`;
  return [{ severity: 'warning', field, message }];
}
