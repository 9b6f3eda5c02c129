import { MARKERS } from '../../../domain/action/markers';
import { TransientError, type RuntimeTarget } from '../../../domain/action/runtime';
import type { ScriptSpec } from '../../../domain/runtime-spec';
import { isSecretReference, resolveSecret, SecretError } from '../../../platform/secret-references';

export interface ScriptEnvironment {
  variables: Record<string, string>;
  /** The values behind the references: they may show up nowhere. */
  secrets: string[];
}

/**
 * All that a command gets: the allowed variables of the worker, the manifest's own with secrets
 * resolved now, and Vigil's marks. `key` is null outside any action.
 */
export async function createScriptEnvironment(
  { env }: ScriptSpec,
  { resource }: RuntimeTarget,
  key: string | null,
): Promise<ScriptEnvironment> {
  const variables: Record<string, string> = {};
  const secrets: string[] = [];
  for (const name of env.allow) {
    const value = process.env[name];
    if (value !== undefined) variables[name] = value;
  }
  for (const [name, text] of Object.entries(env.set)) {
    const value = await resolveSecret(text).catch((error: unknown) => {
      throw unresolved(name, error);
    });
    variables[name] = value;
    if (isSecretReference(text)) secrets.push(value);
  }
  variables[MARKERS.resource] = resource;
  if (key !== null) variables[MARKERS.action] = key;
  return { variables, secrets };
}

function unresolved(variable: string, cause: unknown): Error {
  const message = `environment variable ${variable}: ${cause instanceof Error ? cause.message : String(cause)}`;
  const isTransient = cause instanceof SecretError && cause.isTransient;
  return isTransient ? new TransientError(message, { cause }) : new Error(message, { cause });
}
