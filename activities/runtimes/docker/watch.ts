import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { RuntimeWatch, RuntimeWatchHandler } from '../../../domain/action/runtime';
import type { ResourceKey } from '../../../domain/resource';
import type { DockerContext } from './context';
import { hintOf, millisecondsOf, resourceOf, WATCHED_ACTIONS, type EngineEvent } from './events';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** Follows the engine's events; after a break it goes on where it was, and tells to look at all. */
export function watchEngine(context: DockerContext, handler: RuntimeWatchHandler): RuntimeWatch {
  const stop = new AbortController();
  let isWorking = false;
  let since: number | null = null;
  let failures = 0;

  async function follow(): Promise<void> {
    const events = await context.engine.events({
      actions: WATCHED_ACTIONS,
      sinceMs: since,
      signal: stop.signal,
    });
    isWorking = true;
    failures = 0;
    // Whatever happened while nobody listened.
    handler.onChange({ resource: null });
    for await (const line of linesOf(events)) {
      const event = parse(line);
      if (event === null) continue;
      since = millisecondsOf(event) ?? since;
      tell(context, handler, event);
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await follow().catch((error: unknown) => {
        if (!stop.signal.aborted && failures === 0) handler.onError(error);
      });
      isWorking = false;
      failures += 1;
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
      await setTimeout(pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    isWorking: () => isWorking,
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Throws when the stream is cut; readline would wait for ever. */
async function* linesOf(stream: Readable): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function tell(context: DockerContext, handler: RuntimeWatchHandler, event: EngineEvent): void {
  const adopted = adoptedNames(handler);
  const resource = resourceOf(event, { home: context.home, adopted });
  if (resource === null) return;
  const hint = hintOf(event);
  handler.onChange({ resource, ...(hint === null ? {} : { hint }) });
}

function adoptedNames({ targets }: RuntimeWatchHandler): Map<string, ResourceKey> {
  const names = new Map<string, ResourceKey>();
  for (const { resource, spec } of targets()) {
    if (spec.runtime.type === 'docker' && spec.runtime.adopt !== null)
      names.set(spec.runtime.adopt, resource);
  }
  return names;
}

function parse(line: string): EngineEvent | null {
  try {
    const event = JSON.parse(line) as EngineEvent | null;
    return event !== null && typeof event === 'object' ? event : null;
  } catch {
    // The end of a stream that was cut: its event is seen again with `since`.
    return null;
  }
}
