import type { Runtime, RuntimeWatch, RuntimeWatchHandler } from '../../domain/action/runtime';
import type { Logger } from '../../platform/logger';
import type { ObservedResource } from '../../storage/states';

type RuntimeEvent = Parameters<RuntimeWatchHandler['onChange']>[0];

export interface Watches {
  /** Follows the runtimes that these resources have, from now on. */
  follow: (resources: Iterable<ObservedResource>) => void;
  /** Whether a runtime tells of changes now. */
  isWorking: (type: string) => boolean;
  close: () => Promise<void>;
}

/** What the runtimes tell by themselves. A runtime without a resource is not asked for anything. */
export function createWatches(options: {
  runtimes: ReadonlyMap<string, Runtime>;
  resources: () => Iterable<ObservedResource>;
  /** `type` is that of the runtime. */
  onChange: (event: RuntimeEvent & { type: string }) => void;
  logger: Logger;
}): Watches {
  const { runtimes, logger } = options;
  const watches = new Map<string, RuntimeWatch>();

  function* targetsOf(type: string): Iterable<ObservedResource> {
    for (const one of options.resources()) if (one.spec.runtime.type === type) yield one;
  }

  return {
    follow(resources) {
      for (const { spec } of resources) {
        const { type } = spec.runtime;
        if (watches.has(type)) continue;
        const watch = runtimes.get(type)?.watch?.({
          targets: () => targetsOf(type),
          onChange: (event) => {
            options.onChange({ ...event, type });
          },
          onError: (error) => {
            logger.warn({ runtime: type, err: error }, 'changes are not told; looking instead');
          },
        });
        if (watch !== undefined) watches.set(type, watch);
      }
    },
    isWorking: (type) => watches.get(type)?.isWorking() === true,
    async close() {
      await Promise.all([...watches.values()].map((watch) => watch.close()));
    },
  };
}
