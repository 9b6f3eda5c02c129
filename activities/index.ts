import { createAdmissionActivities } from './admission';
import { createBeginActivities } from './begin';
import { createDecideActivities } from './decide';
import { createDatabaseJournal } from '../storage/journal';
import type { ActivityDeps } from './deps';
import { createHousekeepingActivities } from './housekeeping';
import { createNotifyActivities } from './notify';
import { createRecordActivities } from './record';
import { createRequestActivities } from './request';
import { createRungActivities } from './rung';
import { createRuntimeActivities } from './runtime';
import { createVerifyActivities } from './verify';

export { DEFAULT_CONSTANTS, type ActivityDeps } from './deps';

/** Every activity of the control queue. */
export function createActivities(deps: ActivityDeps) {
  return {
    ...createRequestActivities(deps),
    ...createAdmissionActivities(deps),
    ...createDecideActivities(deps),
    ...createBeginActivities(deps),
    ...createRuntimeActivities({ ...deps, journal: createDatabaseJournal(deps.pool) }),
    ...createVerifyActivities(deps),
    ...createRungActivities(deps),
    ...createRecordActivities(deps),
    ...createNotifyActivities(deps),
    ...createHousekeepingActivities(deps),
  };
}

export type Activities = ReturnType<typeof createActivities>;
