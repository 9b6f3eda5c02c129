import type { RuntimeTarget } from '../../domain/action/runtime';
import type { Logger } from '../../platform/logger';
import type { ObservedResource } from '../../storage/states';

/** On the way out, stops the processes whose manifest says `stopWithVigil`. */
export async function stopWithVigil(
  resources: Iterable<ObservedResource>,
  { stop, logger }: { stop: (target: RuntimeTarget) => Promise<unknown>; logger: Logger },
): Promise<void> {
  const ending = [...resources].filter(
    ({ spec }) => spec.runtime.type === 'process' && spec.runtime.stopWithVigil,
  );
  await Promise.all(
    ending.map(async (target) => {
      try {
        await stop(target);
        logger.info({ resource: target.resource }, 'resource stopped with vigil');
      } catch (error) {
        logger.error({ resource: target.resource, err: error }, 'resource cannot be stopped');
      }
    }),
  );
}
