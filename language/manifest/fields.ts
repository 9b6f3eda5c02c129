import type { z } from 'zod';

type Schema = z.core.$ZodType;

/** What of a schema's definition leads further in; which of it there is depends on its type. */
interface Inside {
  innerType?: Schema;
  in?: Schema;
  out?: Schema;
  options?: readonly Schema[];
  getter?: () => Schema;
  shape?: Readonly<Record<string, Schema>>;
  element?: Schema;
  valueType?: Schema;
}

/** The fields that a mapping may have there, by any of the forms that the schema allows; for suggestions. */
export function fieldsAt(schema: Schema, path: readonly PropertyKey[]): string[] {
  const names = schemasAt(schema, path).flatMap((one) => Object.keys(insideOf(one).shape ?? {}));
  return [...new Set(names)];
}

function schemasAt(schema: Schema, [step, ...rest]: readonly PropertyKey[]): Schema[] {
  const forms = formsOf(schema);
  if (step === undefined) return forms;
  return forms.flatMap((form) => {
    const { shape, element, valueType } = insideOf(form);
    const next = shape?.[String(step)] ?? (typeof step === 'number' ? element : valueType);
    return next === undefined ? [] : schemasAt(next, rest);
  });
}

/** Without what is around it: defaults, transformations, and the choice between several. */
function formsOf(schema: Schema): Schema[] {
  const { innerType, in: before, out: after, options = [], getter } = insideOf(schema);
  const inner = [innerType, before, after, getter?.(), ...options].filter(
    (one) => one !== undefined,
  );
  return inner.length === 0 ? [schema] : inner.flatMap(formsOf);
}

function insideOf(schema: Schema): Inside {
  return schema._zod.def as Inside;
}
