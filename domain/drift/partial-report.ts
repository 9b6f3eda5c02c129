import type { ObservedState } from '../action/runtime';
import { tidyPath } from './paths';

/**
 * A report of some facts, completed with what was reported before: what is left out was not looked
 * at, and stands as it was. Of another incarnation only the files stand.
 */
export function completed(report: ObservedState, before: ObservedState): ObservedState {
  const { attribution } = before;
  const known: Known = isAnother(report, before) ? NOTHING : before;
  return {
    ...factsOf(known),
    ...report,
    identity: report.identity ?? (report.isRunning ? known.identity : null),
    command: report.command ?? known.command,
    env: report.env === null ? known.env : { ...known.env, ...report.env },
    config: mergedFiles(report.config, before.config),
    ...merged('resources', report.resources, factsOf(known).resources),
    ...merged('attribution', report.attribution, attribution),
  };
}

function isAnother(report: ObservedState, before: ObservedState): boolean {
  if (report.isAbsent || before.isAbsent || before.isUnseen === true) return true;
  const isTold = report.identity !== null && before.identity !== null;
  return isTold && report.identity !== before.identity;
}

const NOTHING = { identity: null, command: null, env: null };

type Known = Pick<ObservedState, 'identity' | 'command' | 'env'> & Facts;
type Facts = Pick<ObservedState, 'image' | 'replicas' | 'resources' | 'labels' | 'version'>;

function factsOf({ image, replicas, resources, labels, version }: Facts): Facts {
  return {
    ...(image !== undefined && { image }),
    ...(replicas !== undefined && { replicas }),
    ...(resources !== undefined && { resources }),
    ...(labels !== undefined && { labels }),
    ...(version !== undefined && { version }),
  };
}

function mergedFiles(
  report: ObservedState['config'],
  before: ObservedState['config'],
): ObservedState['config'] {
  const told = new Set(report.map(({ path }) => tidyPath(path)));
  return [...before.filter(({ path }) => !told.has(tidyPath(path))), ...report];
}

function merged<Field extends string, T extends object>(
  field: Field,
  report: T | undefined,
  before: T | undefined,
): Partial<Record<Field, T>> {
  if (report === undefined && before === undefined) return {};
  return { [field]: { ...before, ...report } } as Partial<Record<Field, T>>;
}
