export interface BatcherOptions<Item, Result> {
  /** Does all of them at once; answers in their order. */
  run: (items: readonly Item[]) => Promise<Result[]>;
  maxItems: number;
  /** How long the first one waits for others, in ms. */
  waitMs: number;
  /** Whether a failure is of all of them alike, so that nothing is gained by trying each alone. */
  isCommon: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers what comes within a moment, or while a batch runs, into one batch. What fails in a batch
 * is tried alone, so that one bad item does not take the others with it.
 */
export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): (item: Item) => Promise<Result> {
  const { maxItems, waitMs, isCommon } = options;
  const waiting: Waiting<Item, Result>[] = [];
  let isRunning = false;

  async function runAll(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error('a batch has lost some of its results');
      batch.forEach(({ resolve }, i) => {
        resolve(results[i] as Result);
      });
    } catch (error) {
      if (batch.length > 1 && !isCommon(error)) {
        for (const one of batch) await runAll([one]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  async function drain(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    while (waiting.length > 0) await runAll(waiting.splice(0, maxItems));
    isRunning = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      void drain();
    });
}
