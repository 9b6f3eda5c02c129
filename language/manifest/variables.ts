/** `${VIGIL_NAME:-default}`: only variables of Vigil's own, and never without a default. */
const VARIABLE = /\$\{(VIGIL_[A-Z0-9_]+):-([^}\n]*)\}/g;

/**
 * Fills in variables, so that one manifest serves several instances on one machine. Text that is
 * not of exactly this form stays as it is; lines keep their numbers.
 */
export function fillVariables(
  text: string,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(VARIABLE, (_whole, name: string, fallback: string) => {
    const value = variables[name];
    return value === undefined || value === '' ? fallback : value;
  });
}
