import type { RuntimeCatalogue } from '../../domain/action/runtime';
import { parseResourceKey } from '../../domain/resource';
import type { CompiledManifest } from '../manifest/compile';
import { placeOf } from '../manifest/places';
import type { Problem } from '../problem';
import { dependencyRemarks } from './dependencies';
import { groupRemarks } from './group';
import { policyRemarks } from './policy-together';
import { nobodyMeant, targetsOf, wholeOf, type Remark, type Whole } from './whole';

/**
 * What only the objects of a whole set show: actions that a target's runtime lacks, shares that come
 * to nothing, targets, groups and approvers that are not there, dependencies in a circle.
 *
 * @param inForce what else is known; nothing is said of these
 */
export function lintTogether(
  objects: readonly CompiledManifest[],
  catalogue: readonly RuntimeCatalogue[],
  inForce: readonly CompiledManifest[] = [],
): Problem[] {
  const whole = wholeOf([...objects, ...inForce], catalogue);
  return objects.flatMap((object) =>
    remarksOf(object, whole).map((remark) => problem(object, remark)),
  );
}

/** Namespaces beyond its own in which an object names others. */
export function namespacesNamed({ service, policies }: CompiledManifest): string[] {
  const keys = [
    ...(service?.dependsOn ?? []),
    ...policies.flatMap(({ limits }) => limits.group ?? []),
  ];
  return [...new Set(keys.map((key) => parseResourceKey(key).namespace))];
}

function remarksOf(object: CompiledManifest, whole: Whole): Remark[] {
  const { definition } = object;
  switch (object.kind) {
    case 'Service':
      return dependencyRemarks(object, whole);
    case 'Policy':
      return policyRemarks(object, whole);
    case 'Group':
      return definition && 'storm' in definition ? groupRemarks(definition, whole) : [];
    case 'MaintenanceWindow':
      if (!definition || !('fixed' in definition)) return [];
      return targetsOf(whole, definition).length > 0
        ? []
        : nobodyMeant(whole, 'target', `MaintenanceWindow ${definition.key} holds`);
    case 'Approvers':
      return [];
  }
}

function problem(object: CompiledManifest, { severity, field, message }: Remark): Problem {
  const { line, column, prefix } = placeOf(object.places, field);
  return { file: object.file, line, column, message: prefix + message, severity };
}
