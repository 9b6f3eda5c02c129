/**
 * What the control plane relies on in every runtime, as one suite. A runtime plugs in by a harness
 * that holds a live target and counts effects in the world, never by asking the runtime.
 */
import {
  TransientError,
  type ExecuteRequest,
  type Runtime,
  type RuntimeTarget,
  type StepResult,
} from '../../../domain/action/runtime';
import type { Step } from '../../../domain/policy/policy';

export interface RuntimeHarness {
  runtime: Runtime;
  /** Stands and runs when the harness is made. */
  target: RuntimeTarget;
  /** An act whose effect can be counted. */
  step: Step;
  /** How often the effect of `step` happened since the harness was made; waits for what is under way. */
  effects: () => Promise<number>;
  /** Makes `step` worth doing once more, where doing it leaves nothing to do. */
  rearm?: () => Promise<void>;
  /** With `isInspectable`: somebody else replaces the target, which Vigil did not do. */
  replaceFromOutside?: () => Promise<void>;
  /** With `isInterruptible`: answers as soon as an act that was started has begun its effect. */
  whenBegun?: () => Promise<void>;
  /** With `isRestorable`: a step that can be undone, and the part of the world that it changes. */
  restorable?: { step: Step; state: () => Promise<unknown> };
  /** A resolved secret that the target uses: it may show up nowhere. */
  secret?: string;
  tearDown: () => Promise<void>;
}

export interface RuntimeTraits {
  /** The world shows whether a step was done; false for runtimes that run what they cannot see into. */
  isInspectable: boolean;
  isRestorable: boolean;
  /** An act takes long enough that its middle can be hit. */
  isInterruptible: boolean;
}

const KEY = '0b5e5c1e-0000-4000-8000-000000000001/0';
const OTHER_KEY = '0b5e5c1e-0000-4000-8000-000000000002/0';

const goOn = new AbortController().signal;

/** Registers the suite for one runtime; `make` is called before, `tearDown` after each test. */
export function describeRuntime(
  name: string,
  make: () => Promise<RuntimeHarness>,
  traits: RuntimeTraits,
): void {
  let harness: RuntimeHarness;

  async function requestFor(step: Step, key = KEY): Promise<ExecuteRequest> {
    const { runtime, target } = harness;
    return { key, step, target, snapshot: await runtime.inspect(target, step) };
  }

  describe(`the contract of runtimes: ${name}`, () => {
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.tearDown());

    describeLooking(() => harness);
    describeActing(() => harness, requestFor, traits);
    if (traits.isInspectable) describeOnce(() => harness, requestFor);
    else describeUnknowable(() => harness, requestFor);
    if (traits.isInterruptible) describeInterrupting(() => harness, requestFor, traits);
    if (traits.isRestorable) describeRestoring(() => harness, requestFor);
    else {
      test('nothing of it can be undone, and it says so', async () => {
        const asked = await requestFor(harness.step);
        await harness.runtime.execute(asked, goOn);
        const undo = { ...asked, key: `${KEY}/restore` };
        expect((await harness.runtime.restore?.(undo, goOn)) ?? null).toBeNull();
        expect(await harness.effects()).toBe(1);
      });
    }
  });
}

type Harness = () => RuntimeHarness;
type RequestFor = (step: Step, key?: string) => Promise<ExecuteRequest>;

function describeLooking(harness: Harness): void {
  test('its catalogue names each verb once, and its aliases lead to verbs', () => {
    const { runtime, target } = harness();
    const { type, verbs, aliases } = runtime.catalogue;
    const names = verbs.map(({ verb }) => verb);
    expect(type).toBe(target.spec.runtime.type);
    expect(new Set(names).size).toBe(names.length);
    for (const alias of Object.values(aliases)) {
      expect(names).toContain(typeof alias === 'string' ? alias : alias.verb);
    }
  });

  test('to inspect and to observe change nothing, and agree', async () => {
    const { runtime, target, step } = harness();
    const first = await runtime.inspect(target, step);
    const observed = await runtime.observe(target);
    const second = await runtime.inspect(target);
    expect(first.identity).toBe(second.identity);
    expect(observed.identity).toBe(first.identity);
    expect(second.takenAt).toBeGreaterThanOrEqual(first.takenAt);
    expect(await harness().effects()).toBe(0);
  });

  test('what runs is not started once more', async () => {
    const { runtime, target } = harness();
    const before = await runtime.inspect(target);
    expect(await runtime.ensureRunning(target)).toBeNull();
    expect((await runtime.inspect(target)).identity).toBe(before.identity);
    expect(await harness().effects()).toBe(0);
  });
}

function describeActing(harness: Harness, requestFor: RequestFor, traits: RuntimeTraits): void {
  test('an act has its effect once, and its result shows what stands then', async () => {
    const { runtime, target, step } = harness();
    const asked = await requestFor(step);
    const result = await runtime.execute(asked, goOn);
    expect(result.summary).not.toBe('');
    expect(await harness().effects()).toBe(1);
    if (traits.isInspectable) expect(result.identity).not.toBe(asked.snapshot.identity);
    expect((await runtime.inspect(target)).identity).toBe(result.identity);
  });

  test('an act with another key is an act of its own', async () => {
    const { runtime, step, rearm } = harness();
    await runtime.execute(await requestFor(step), goOn);
    expect(await harness().effects()).toBe(1);
    await rearm?.();
    await runtime.execute(await requestFor(step, OTHER_KEY), goOn);
    expect(await harness().effects()).toBe(2);
  });

  test('an act that is aborted before it began has no effect', async () => {
    const { runtime, step } = harness();
    const asked = await requestFor(step);
    const aborted = AbortSignal.abort(new Error('cancelled by test'));
    await expect(runtime.execute(asked, aborted)).rejects.toThrow('cancelled by test');
    expect(await harness().effects()).toBe(0);
  });

  test('a verb that it lacks is refused by name, for good, and without effect', async () => {
    const { runtime, step, target } = harness();
    const asked = { ...(await requestFor(step)), step: { action: 'dance', params: {} } };
    const attempt = runtime.execute(asked, goOn);
    await expect(attempt).rejects.toThrow(
      `runtime ${target.spec.runtime.type} has no action "dance"; it has `,
    );
    await expect(attempt).rejects.not.toBeInstanceOf(TransientError);
    expect(await harness().effects()).toBe(0);
  });

  test('no result, snapshot or observation holds a secret', async () => {
    const { runtime, target, step, secret } = harness();
    const asked = await requestFor(step);
    const told = [asked, await runtime.execute(asked, goOn), await runtime.observe(target)];
    const text = JSON.stringify(told);
    // Plain data: what a payload would lose on its way is no part of the contract.
    expect(JSON.parse(text)).toEqual(told);
    if (secret !== undefined) expect(text).not.toContain(secret);
  });
}

function describeOnce(harness: Harness, requestFor: RequestFor): void {
  test('whether it was done is known before and after, by its key alone', async () => {
    const { runtime, step } = harness();
    const asked = await requestFor(step);
    expect(await runtime.findDone(asked)).toBeNull();
    const result = await runtime.execute(asked, goOn);
    expect(await runtime.findDone(asked)).toMatchObject({ identity: result.identity });
    expect(await harness().effects()).toBe(1);
  });

  test('the same key again is the same act, not a second one', async () => {
    const { runtime, step } = harness();
    const asked = await requestFor(step);
    const first = await runtime.execute(asked, goOn);
    const second = await runtime.execute(asked, goOn);
    expect(second.identity).toBe(first.identity);
    expect(await harness().effects()).toBe(1);
  });

  test('two attempts that overlap with the same key do it once', async () => {
    const { runtime, step } = harness();
    const asked = await requestFor(step);
    const [a, b] = await Promise.all([runtime.execute(asked, goOn), runtime.execute(asked, goOn)]);
    expect(a.identity).toBe(b.identity);
    expect(await harness().effects()).toBe(1);
  });

  test('a target that somebody else replaced since the snapshot is left alone', async () => {
    const { runtime, target, step, replaceFromOutside } = harness();
    const late = await requestFor(step);
    await part(replaceFromOutside)();
    const other = await runtime.inspect(target);
    const before = await harness().effects();
    expect(other.identity).not.toBe(late.snapshot.identity);
    await expect(runtime.execute(late, goOn)).rejects.toThrow('target changed');
    expect((await runtime.inspect(target)).identity).toBe(other.identity);
    expect(await harness().effects()).toBe(before);
  });
}

function describeUnknowable(harness: Harness, requestFor: RequestFor): void {
  test('nobody can tell whether a begun act was done, and it says so', async () => {
    const { runtime, step } = harness();
    const asked = await requestFor(step);
    await runtime.execute(asked, goOn);
    expect(await runtime.findDone(asked)).toBe('unknowable');
    expect(await harness().effects()).toBe(1);
  });
}

function describeInterrupting(
  harness: Harness,
  requestFor: RequestFor,
  traits: RuntimeTraits,
): void {
  test('an act that is aborted in its middle is brought to its end, or fails and says so', async () => {
    const { runtime, step, whenBegun } = harness();
    const asked = await requestFor(step);
    const abort = new AbortController();
    const running = settled(runtime.execute(asked, abort.signal));
    await part(whenBegun)();
    abort.abort(new Error('cancelled by test'));
    const end = await running;
    if (!traits.isInspectable) {
      expect(await harness().effects()).toBeLessThanOrEqual(1);
      return;
    }
    // Whatever became of it: the next attempt ends with exactly one effect.
    const again = await runtime.execute(asked, goOn);
    if (end.ok) expect(again.identity).toBe(end.result.identity);
    expect(await harness().effects()).toBe(1);
  });
}

function describeRestoring(harness: Harness, requestFor: RequestFor): void {
  test('what it did is undone once, and known to be undone', async () => {
    const { runtime } = harness();
    const { step, state } = part(harness().restorable);
    const restore = part(runtime.restore);
    const before = await state();
    const asked = await requestFor(step);
    await runtime.execute(asked, goOn);
    expect(await state()).not.toEqual(before);
    const undo = { ...asked, key: `${KEY}/restore` };
    expect(await runtime.findDone(undo)).toBeNull();
    const undone = await restore(undo, goOn);
    expect(await state()).toEqual(before);
    expect(await runtime.findDone(undo)).toMatchObject({ identity: undone?.identity });
    expect(await restore(undo, goOn)).toMatchObject({ identity: undone?.identity });
    expect(await state()).toEqual(before);
  });
}

type End = { ok: true; result: StepResult } | { ok: false; error: unknown };

function settled(work: Promise<StepResult>): Promise<End> {
  return work.then(
    (result): End => ({ ok: true, result }),
    (error: unknown): End => ({ ok: false, error }),
  );
}

/** A part of the harness that the traits promise. */
function part<T>(given: T | undefined): T {
  if (given === undefined) throw new Error('the traits promise more than the harness has');
  return given;
}
