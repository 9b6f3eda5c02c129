import fc from 'fast-check';
import type { ObservedState } from '../../../domain/action/runtime';
import { diff, driftOf } from '../../../domain/drift/diff';
import { desiredFacts, observedFacts, type Facts } from '../../../domain/drift/normalise';
import { matchesPointer } from '../../../domain/drift/pointer-glob';
import { isLeft, repairSpec, settledOf } from '../../../domain/drift/repair';
import type { DriftRules, Override } from '../../../domain/drift/rules';
import type { ServiceSpec } from '../../../domain/resource';
import type { Change } from '../../../domain/drift/change';
import { BARE, become, digest, DOCKER, ignoreRules, observedOf, specs, worlds } from './worlds';

const many = { numRuns: 1000 };

interface World {
  spec: ServiceSpec;
  overrides: Override[];
  observed: ObservedState;
}

function pointersOf({ spec, overrides, observed }: World): string[] {
  return driftOf(spec, observed, { sha256: digest, overrides }).map(({ pointer }) => pointer);
}

/** What a runtime does that repairs: looks, and makes what is to be. */
function repaired({ spec, overrides, observed }: World): ObservedState {
  const settled = settledOf(spec, observed, { overrides });
  const target = repairSpec(spec, observed, { overrides });
  return become(target, observed, (pointer) => isLeft({ settled }, pointer));
}

function applied(observed: Facts, changes: readonly Change[]): Facts {
  const values = new Map(observed.values);
  for (const { pointer, desired } of changes) values.set(pointer, desired);
  return { ...observed, values };
}

/** What is made anew gets the secret of today: the one of yesterday was told to nobody. */
function isNotRenewed({ desired, observed }: Change): boolean {
  return desired !== null || observed !== 'file:/run/token';
}

function ruled(spec: ServiceSpec, drift: Partial<DriftRules>): ServiceSpec {
  return { ...spec, drift: { ignore: [], owners: [], severity: [], ...spec.drift, ...drift } };
}

describe('properties of drift', () => {
  it('the changes, made, leave nothing that differs', () => {
    fc.assert(
      fc.property(worlds, ({ spec, observed }) => {
        const [desired, seen] = [desiredFacts(spec, digest), observedFacts(observed)];
        expect(diff(desired, applied(seen, diff(desired, seen)))).toEqual([]);
      }),
      many,
    );
  });

  it('what is repaired has no drift, and to repair it again changes nothing', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const once = { ...world, observed: repaired(world) };
        expect(pointersOf(once)).toEqual([]);
        expect(repaired(once)).toEqual(once.observed);
      }),
      many,
    );
  });

  it('without drift there is nothing to repair', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const once = { ...world, observed: repaired(world) };
        fc.pre(once.observed.isRunning);
        expect(observedFacts(repaired(once))).toEqual(observedFacts(once.observed));
      }),
      many,
    );
  });

  it('what is ignored is not drift, and a repair leaves it as it is', () => {
    fc.assert(
      fc.property(
        worlds,
        fc.constantFrom('/env/*', '/config/**', '/image', '/**'),
        (world, path) => {
          fc.pre(!world.observed.isAbsent);
          const spec = ruled(world.spec, { ignore: [{ path }] });
          const isIgnored = (change: Change): boolean => matchesPointer(path, change.pointer);
          const drift = driftOf(spec, world.observed, {
            sha256: digest,
            overrides: world.overrides,
          });
          expect(drift.filter(isIgnored)).toEqual([]);
          const after = repaired({ ...world, spec });
          const changed = diff(observedFacts(world.observed), observedFacts(after));
          expect(changed.filter(isIgnored).filter(isNotRenewed)).toEqual([]);
        },
      ),
      many,
    );
  });

  it('more to ignore is never more drift', () => {
    fc.assert(
      fc.property(worlds, ignoreRules, (world, more) => {
        const ignore = [...(world.spec.drift?.ignore ?? []), ...more];
        const fewer = pointersOf({ ...world, spec: ruled(world.spec, { ignore }) });
        expect(pointersOf(world)).toEqual(expect.arrayContaining(fewer));
      }),
      many,
    );
  });

  it('the order of names, files and rules that say the same is irrelevant', () => {
    fc.assert(
      fc.property(worlds, ({ spec, overrides, observed }) => {
        const turned = { ...spec, config: [...spec.config].reverse() };
        const seen = { ...observed, config: [...observed.config].reverse() };
        if (spec.drift) turned.drift = { ...spec.drift, ignore: [...spec.drift.ignore].reverse() };
        if ('env' in turned.runtime && turned.runtime.type !== 'script') {
          turned.runtime = { ...turned.runtime, env: reversed(turned.runtime.env) };
        }
        if (observed.env !== null) seen.env = reversed(observed.env);
        const input = { sha256: digest, overrides };
        expect(driftOf(turned, seen, input)).toEqual(driftOf(spec, observed, input));
        expect(repairSpec(turned, seen, { overrides }).runtime).toEqual(
          repairSpec(spec, observed, { overrides }).runtime,
        );
      }),
      many,
    );
  });

  it('a range holds at its bounds, and beyond them the nearest one is desired', () => {
    const range = fc.tuple(fc.nat(5), fc.nat(5)).map(([min, more]) => ({ min, max: min + more }));
    fc.assert(
      fc.property(range, fc.nat(12), ({ min, max }, replicas) => {
        const owners = [{ path: '/replicas', owner: 'autoscaler', min, max }];
        const spec = ruled({ ...BARE, runtime: DOCKER }, { owners });
        const observed = stands({ replicas });
        const drift = driftOf(spec, observed, { sha256: digest });
        const right = replicas < min ? min : replicas > max ? max : replicas;
        expect(drift.map(({ desired }) => desired)).toEqual(right === replicas ? [] : [right]);
        expect(repairSpec(spec, observed, {}).runtime).toMatchObject({ replicas: right });
      }),
    );
  });

  it('what nobody looked at is no drift', () => {
    fc.assert(
      fc.property(
        specs.chain((spec) => observedOf(spec).map((seen) => ({ spec, seen }))),
        (given) => {
          const observed: ObservedState = { ...given.seen, isUnseen: true };
          expect(driftOf(given.spec, observed, { sha256: digest })).toEqual([]);
        },
      ),
    );
  });
});

function stands(seen: Partial<ObservedState>): ObservedState {
  return {
    ...{ identity: 'x', isRunning: true, isAbsent: false, command: null, env: {}, config: [] },
    ...{ image: 'web:2', ...seen },
  };
}

function reversed<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).reverse());
}
