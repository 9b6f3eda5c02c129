/** `npm run oracle [-- --runs N] [--seed S] [--write]`: Vigil's evaluator against Prometheus' own. */
import { parseArgs } from 'node:util';
import { createJiti } from 'jiti';
import { fail } from './common.mjs';
import { findPromtool } from './promtool.mjs';
import { ensureInstalled } from './setup.mjs';

await ensureInstalled();
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) {
  fail('--runs takes a whole number from 1 on, --seed a whole number');
}
const promtool = await findPromtool().catch((error) => fail(error.message));
const { runOracle } = await createJiti(import.meta.url).import('../test/oracle/run.ts');
process.exitCode = (await runOracle({ promtool, runs, seed, write: values.write })) ? 0 : 1;
