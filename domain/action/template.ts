import { parseResourceKey } from '../resource';
import type { StepParams } from '../policy/policy';
import type { RuntimeTarget } from './runtime';

/**
 * Texts with placeholders, `{target}` or `{metadata.tier}`, as scripts and webhooks have them in
 * their arguments and bodies. `{{` and `}}` stand for braces. A value is put in as it is: it is never
 * read as a template again, nor by a shell.
 */

const OF_THE_TARGET = ['target', 'namespace', 'name', 'host'];
const OF_THE_ACTION = ['action_id'];
/** `metadata.x`: a label of the Service; `params.x`: a parameter of the step. */
const MEMBER = /^(metadata|params)\.([^{}\s]+)$/;
const TOKEN = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** What placeholders stand for. Without `key` and `params`: outside any action. */
export interface TemplateSource {
  target: RuntimeTarget;
  /** Host to name for a resource that is no member of a Service on several. */
  host: string;
  /** `<action uuid>/<step>`. */
  key?: string;
  params?: StepParams;
}

export type Filled = { ok: true; text: string } | { ok: false; message: string };

/** What is wrong with a template, whatever it is filled with; null: nothing. */
export function templateFault(text: string, options: { hasAction: boolean }): string | null {
  for (const [token, name] of text.matchAll(TOKEN)) {
    if (token === '{{' || token === '}}') continue;
    if (name === undefined) return `has a single "${token}"; write ${token}${token} for a brace`;
    if (!isKnown(name, options)) return unknownPlaceholder(name, options);
  }
  return null;
}

/** The names of the parameters that a template uses. */
export function paramsIn(text: string): string[] {
  return [...text.matchAll(TOKEN)].flatMap(([, name]) => {
    const match = MEMBER.exec(name ?? '');
    return match?.[1] === 'params' && match[2] !== undefined ? [match[2]] : [];
  });
}

/** The text with every placeholder replaced; a value that is not there is named. */
export function fillTemplate(text: string, source: TemplateSource): Filled {
  const missing: string[] = [];
  const filled = text.replace(TOKEN, (token: string, name: string | undefined) => {
    if (token === '{{' || token === '}}') return token.charAt(0);
    const value = name === undefined ? undefined : valueOf(name, source);
    if (value === undefined) missing.push(token);
    return value ?? '';
  });
  return missing.length === 0
    ? { ok: true, text: filled }
    : { ok: false, message: `${source.target.resource} has nothing for ${missing.join(' ')}` };
}

function isKnown(name: string, { hasAction }: { hasAction: boolean }): boolean {
  if (OF_THE_TARGET.includes(name)) return true;
  const group = MEMBER.exec(name)?.[1];
  return (
    group === 'metadata' || (hasAction && (group === 'params' || OF_THE_ACTION.includes(name)))
  );
}

function unknownPlaceholder(name: string, { hasAction }: { hasAction: boolean }): string {
  const known = [
    ...OF_THE_TARGET,
    ...(hasAction ? OF_THE_ACTION : []),
    'metadata.LABEL',
    ...(hasAction ? ['params.NAME'] : []),
  ];
  return `has the unknown placeholder {${name}}; known: ${known.map((one) => `{${one}}`).join(' ')}; write {{ and }} for braces`;
}

function valueOf(name: string, source: TemplateSource): string | undefined {
  const { resource, spec } = source.target;
  const [, group, member = ''] = MEMBER.exec(name) ?? [];
  if (group === 'metadata') return ownValue(spec.labels, member);
  if (group === 'params') return ownValue(source.params ?? {}, member);
  const { namespace, name: own } = parseResourceKey(resource);
  const values: Readonly<Record<string, string | undefined>> = {
    target: resource,
    namespace,
    name: own,
    host: own.includes('@') ? own.slice(own.indexOf('@') + 1) : source.host,
    action_id: source.key,
  };
  return ownValue(values, name);
}

function ownValue(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
  name: string,
): string | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  return value === undefined ? undefined : String(value);
}
