export { actionWorkflow } from './action';
export { housekeepingWorkflow } from './housekeeping';
export { resourceWorkflow } from './resource';
