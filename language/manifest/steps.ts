import { z } from 'zod';
import { isOwnVerb } from '../../domain/action/opaque';
import { BUILT_IN, stepOf, type RuntimeCatalogue } from '../../domain/action/runtime';
import type { Step, StepParams } from '../../domain/policy/policy';
import { suggest } from '../problem';
import { anything, check, durationOrNull, isRecord, printed, type Context } from './shape';
import type { Path } from './source';

export const stepSchema = z.strictObject({
  action: anything,
  params: anything,
  after: durationOrNull({}),
});

type Verb = RuntimeCatalogue['verbs'][number];

/** `action: restart` or `steps: [{ action, params, after }]`; exactly one of them. */
export function compileSteps(
  spec: Readonly<Record<string, unknown>>,
  path: Path,
  given: Context,
): Step[] {
  const context = { ...given, catalogue: [...given.catalogue, BUILT_IN] };
  const { action, steps } = spec as { action?: unknown; steps?: unknown };
  if (action !== undefined && steps !== undefined) {
    context.report([...path, 'steps'], 'write either "action" or "steps", not both', {
      part: 'key',
    });
    return [];
  }
  if (steps === undefined) {
    return [compileStep({ action }, path, context)];
  }
  if (!Array.isArray(steps) || steps.length === 0) {
    context.report([...path, 'steps'], '"steps" must be a list of at least one { action: … }');
    return [];
  }
  return steps.map((step: unknown, i) => {
    const at = [...path, 'steps', i];
    const data = check(stepSchema, step, { path: at, context });
    const compiled = compileStep(data ?? (isRecord(step) ? step : {}), at, context);
    const afterMs = data?.after ?? null;
    if (afterMs === null) return compiled;
    if (i === 0) context.report([...at, 'after'], FIRST_AFTER, { part: 'key' });
    return { ...compiled, afterMs };
  });
}

const FIRST_AFTER =
  '"after" counts from the step before, and the first has none; let the condition wait: "… for 5m"';

function compileStep(
  step: { action?: unknown; params?: unknown },
  path: Path,
  context: Context,
): Step {
  const at = [...path, 'action'];
  if (step.action === undefined) {
    context.report(at, '"action" is missing', { part: 'key' });
    return { action: '', params: {} };
  }
  const resolved = resolveAction(step.action, context.catalogue);
  if (resolved === null) {
    const known = verbNames(context.catalogue);
    const hint = typeof step.action === 'string' ? suggest(step.action, known.written) : '';
    context.report(
      at,
      `no runtime has the action ${printed(step.action)}${hint || `; known: ${known.verbs.join(', ')}`}`,
    );
    return { action: '', params: {} };
  }
  const { action, params } = resolved;
  const given = compileParams(step.params, action, [...path, 'params'], context);
  return { action, params: { ...params, ...given } };
}

/** What a written action stands for, aliases included; null when no runtime has it. */
function resolveAction(action: unknown, catalogue: readonly RuntimeCatalogue[]): Step | null {
  if (typeof action !== 'string') return null;
  const found = catalogue
    .map((runtime) => ({ runtime, step: stepOf(runtime, action) }))
    .find(({ runtime, step }) => runtime.verbs.some(({ verb }) => verb === step.action));
  return found?.step ?? ownVerb(action, catalogue);
}

/**
 * A verb that only a Service's own spec may have: whether one has it, the lint of a whole set says.
 * A word next to a known verb is a typing error all the same.
 */
function ownVerb(action: string, catalogue: readonly RuntimeCatalogue[]): Step | null {
  const isOpen = catalogue.some(({ openVerbs }) => openVerbs === true);
  if (!isOpen || !isOwnVerb(action)) return null;
  return suggest(action, verbNames(catalogue).written) === '' ? { action, params: {} } : null;
}

function verbNames(catalogue: readonly RuntimeCatalogue[]): { verbs: string[]; written: string[] } {
  const verbs = [...new Set(catalogue.flatMap((one) => one.verbs.map(({ verb }) => verb)))];
  const aliases = catalogue.flatMap((one) => Object.keys(one.aliases));
  return { verbs, written: [...verbs, ...aliases] };
}

function compileParams(value: unknown, action: string, path: Path, context: Context): StepParams {
  if (value === undefined) return {};
  if (!isRecord(value)) {
    context.report(path, '"params" must be a mapping');
    return {};
  }
  const known = context.catalogue
    .flatMap(({ verbs }) => verbs.filter(({ verb }) => verb === action))
    .flatMap(({ params }) => params);
  const isOwn = ownVerb(action, context.catalogue) !== null;
  const params: StepParams = {};
  for (const [name, given] of Object.entries(value)) {
    const fault = isOwn ? ownParamFault(name, given) : faultOf(name, given, known);
    if (fault === null) params[name] = given as StepParams[string];
    else context.report([...path, name], fault, { part: 'key' });
  }
  return params;
}

function faultOf(name: string, given: unknown, known: Verb['params']): string | null {
  const types = known.filter((param) => param.name === name).map(({ type }) => type);
  if (types.some((type) => typeof given === type)) return null;
  if (types.length > 0) return `"${name}" must be a ${types.join(' or ')}, not ${printed(given)}`;
  const names = known.map((param) => param.name);
  return `the action has no parameter "${name}"${suggest(name, names)}`;
}

function ownParamFault(name: string, given: unknown): string | null {
  if (['string', 'number', 'boolean'].includes(typeof given)) return null;
  return `"${name}" must be text, a number, true or false, not ${printed(given)}`;
}
