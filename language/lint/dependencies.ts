import { memberScope, parseResourceKey } from '../../domain/resource';
import type { CompiledManifest } from '../manifest/compile';
import { suggest } from '../problem';
import { keyOf, type Remark, type Whole } from './whole';

/** What is wrong with a Service's `dependsOn`: itself, a circle, and what is not there. */
export function dependencyRemarks(object: CompiledManifest, whole: Whole): Remark[] {
  const needs = object.service?.dependsOn ?? [];
  if (needs.length === 0) return [];
  const own = keyOf(object);
  return needs.flatMap((needed, i): Remark[] => {
    const field = `dependsOn.${i}`;
    const service = memberScope(needed);
    if (service === own) {
      return [{ severity: 'error', field, message: `Service ${own} depends on itself` }];
    }
    const way = whole.circular.has(own) ? wayBack(service, own, whole.needs) : null;
    if (way === null) return whole.keys.has(needed) ? [] : [unknown(needed, field, whole)];
    const circle = [own, ...way].join(' → ');
    const message = `the dependencies go in a circle: ${circle}; each would wait for the others`;
    return [{ severity: 'error', field, message }];
  });
}

/** The shortest way along dependencies, both ends included; null: there is none. */
function wayBack(
  from: string,
  to: string,
  needs: ReadonlyMap<string, readonly string[]>,
): string[] | null {
  const cameFrom = new Map<string, string | null>([[from, null]]);
  for (const at of cameFrom.keys()) {
    if (at === to) return trace(at, cameFrom);
    for (const next of needs.get(at) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, at);
  }
  return null;
}

function trace(end: string, cameFrom: ReadonlyMap<string, string | null>): string[] {
  const way: string[] = [];
  for (let at: string | null = end; at !== null; at = cameFrom.get(at) ?? null) way.unshift(at);
  return way;
}

function unknown(needed: string, field: string, whole: Whole): Remark {
  const message = whole.unknown.get(needed) ?? nobodyMakes(needed, whole);
  whole.unknown.set(needed, message);
  return { severity: 'warning', field, message };
}

function nobodyMakes(needed: string, { keys }: Whole): string {
  const { namespace, name } = parseResourceKey(needed);
  const near = [...keys].map(parseResourceKey).filter((one) => one.namespace === namespace);
  const hint = suggest(name, new Set(near.map((one) => one.name)));
  return `none of the manifests that were checked with it makes ${needed}${hint}`;
}
