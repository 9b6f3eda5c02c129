import type { Schedule } from './calendar';
import type { PolicyTarget } from './policy/policy';

/** A time in which nothing is done to its targets; what was held is decided anew when it ends. */
export interface MaintenanceWindow {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  target: PolicyTarget;
  reason: string;
  /** Once; epoch ms, `to` excluded. */
  fixed: { from: number; to: number }[];
  /** Every week. */
  recurring: Schedule | null;
}
