import { z } from 'zod';
import type { HealthCheck, Remediation } from '../../../domain/resource';
import { count } from '../numbers';
import { check, durationField, type Context } from '../shape';
import type { Path } from '../source';

const DEFAULT_THRESHOLD = 3;

export const healthCheckSchema = z.strictObject({
  endpoint: z.string().refine(isHttpUrl, 'must be an http:// or https:// URL'),
  interval: durationField({ fallback: 10_000, min: 250 }),
  timeout: durationField({ fallback: 2000, min: 1 }),
  threshold: count.optional(),
});

export const remediationSchema = z.strictObject({
  restartThreshold: count.optional(),
  cooldownPeriod: durationField({ fallback: 300_000 }),
});

export function compileHealthCheck(
  value: unknown,
  path: Path,
  context: Context,
): HealthCheck | null {
  if (value === undefined) return null;
  const data = check(healthCheckSchema, value, { path, context });
  if (data === null) return null;
  const { endpoint, interval, timeout, threshold } = data;
  return {
    ...{ endpoint, intervalMs: interval, timeoutMs: timeout },
    ...(threshold !== undefined && { threshold }),
  };
}

/** What is done when the check fails; null without it, and after reporting what is wrong. */
export function compileRemediation(
  value: unknown,
  healthCheck: HealthCheck | null,
  { path, context }: { path: Path; context: Context },
): Remediation | null {
  if (value === undefined) return null;
  const data = check(remediationSchema, value, { path, context });
  if (data === null) return null;
  if (healthCheck === null) {
    const message = '"remediation" needs a "healthCheck", whose failures it counts';
    context.report(path, message, { part: 'key' });
    return null;
  }
  const threshold = healthCheck.threshold ?? data.restartThreshold ?? DEFAULT_THRESHOLD;
  const restartThreshold = data.restartThreshold ?? threshold;
  if (restartThreshold < threshold) {
    const message = `"restartThreshold" must be at least the health check's "threshold" (${threshold})`;
    context.report([...path, 'restartThreshold'], message);
    return null;
  }
  return { restartThreshold, cooldownMs: data.cooldownPeriod };
}

function isHttpUrl(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '';
}
