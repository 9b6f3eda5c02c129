import { z } from 'zod';
import type { Approval } from '../../domain/policy/policy';
import { count } from './numbers';
import { check, durationField, label, nameField, printed, type Context } from './shape';
import type { Path } from './source';

const EXAMPLE = 'write names of Approvers, or user:NAME';
const USER = 'user:';

/** What the API takes as a person's name. */
const PERSON = /^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$/;

/** A person as the audit names one, without `user:`. */
export const personField = z
  .string()
  .regex(PERSON, 'must be a name without "user:": 1 to 64 letters, digits, spaces or . _ @ + -');

const decider = z
  .string()
  .refine(
    (name) =>
      name.startsWith(USER)
        ? PERSON.test(name.slice(USER.length))
        : nameField.safeParse(name).success,
    'must be the name of Approvers, or user:NAME',
  );
const deciders = z.array(decider).min(1, `must be a list of at least one: ${EXAMPLE}`);

export const approvalSchema = z.strictObject({
  required: count.default(1),
  of: deciders.optional(),
  deadline: durationField({ fallback: 900_000, min: 1 }),
  onDeadline: z.enum(['expire', 'approve', 'escalate']).default('expire'),
  escalateTo: deciders.optional(),
});

/** A policy's `approval`; null without one, and after reporting what is wrong. */
export function compileApproval(value: unknown, path: Path, context: Context): Approval | null {
  if (value === undefined) return null;
  const data = check(approvalSchema, value, { path, context });
  if (data === null) return null;
  const { required, deadline, onDeadline, of, escalateTo } = data;
  noneTwice(of, [...path, 'of'], context);
  noneTwice(escalateTo, [...path, 'escalateTo'], context);
  if (onDeadline === 'escalate' && escalateTo === undefined) {
    const message = `"escalateTo" is missing: who decides once the deadline passed; ${EXAMPLE}`;
    context.report([...path, 'onDeadline'], message);
    return null;
  }
  if (onDeadline !== 'escalate' && escalateTo !== undefined) {
    const message = `"escalateTo" is for "onDeadline": escalate, not ${printed(onDeadline)}`;
    context.report([...path, 'escalateTo'], message, { part: 'key' });
    return null;
  }
  return {
    required,
    deadlineMs: deadline,
    onDeadline,
    ...(of && { of }),
    ...(escalateTo && { escalateTo }),
  };
}

/** Reports what a list names a second time. */
export function noneTwice(names: readonly string[] = [], path: Path, context: Context): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) === i) return;
    context.report([...path, i], `${label(path.slice(-1))} names ${printed(name)} a second time`);
  });
}
