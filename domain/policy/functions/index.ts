import { OVER_TIME } from './over-time';
import { RATE } from './rate';
import { REGRESSION } from './regression';
import type { WindowFunction } from './window';

/** Functions of a range, by name; a new family is one line here, its names in signatures.ts. */
export const WINDOW_FUNCTIONS: Readonly<Record<string, WindowFunction>> = {
  ...OVER_TIME,
  ...RATE,
  ...REGRESSION,
};
