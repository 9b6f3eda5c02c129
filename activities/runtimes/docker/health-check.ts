import type { ContainerSpec } from '../../../domain/runtime-spec';
import type { Container } from './containers';

type Check = NonNullable<ContainerSpec['health']>;

const NANOS_PER_MS = 1_000_000;

/**
 * The check of a container in the manifest's words. What it was not asked for comes from its image
 * or from the engine, and not every engine tells what an image brings: that is nobody's change.
 */
export function healthCheckOf({ spec: { health: asked }, info }: Container): Check | null {
  const { Test = [], Interval, Timeout, Retries, StartPeriod } = info.Config.Healthcheck ?? {};
  const command = commandOf(Test);
  if (asked === null || command.length === 0) return null;
  const inMs = (given = 0): number => given / NANOS_PER_MS;
  return {
    command,
    interval: asked.interval && inMs(Interval),
    timeout: asked.timeout && inMs(Timeout),
    retries: asked.retries && (Retries ?? 0),
    startPeriod: asked.startPeriod && inMs(StartPeriod),
  };
}

function commandOf([kind, ...words]: readonly string[]): string[] {
  if (kind === 'CMD') return words;
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...words] : [];
}
