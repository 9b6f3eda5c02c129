import { RE2JS } from 're2js';

/** Compiled expressions are few (they stand in policies) and costly to compile. */
const MAX_KEPT = 1000;
const compiled = new Map<string, RE2JS>();

/**
 * Whether an RE2 expression matches the whole text, in time linear in it. Throws RE2JSSyntaxException
 * for what is no expression; the parser has refused those.
 */
export function matchesWhole(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = RE2JS.compile(pattern, RE2JS.DOTALL);
    if (compiled.size >= MAX_KEPT) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression.matches(text);
}
