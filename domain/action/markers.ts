/**
 * Environment variables that mark a process which Vigil started, so that it is found again after a
 * crash of the worker and by an agent that shares nothing with the worker but the host.
 */
export const MARKERS = {
  /** `namespace/name`. */
  resource: 'VIGIL_RESOURCE',
  /** `<action uuid>/<step>`, or `start` for a process that no action started. */
  action: 'VIGIL_ACTION_ID',
  /** Absolute path of the home of the Vigil that started it: two on one host never mix. */
  owner: 'VIGIL_OWNER',
  /** Unique per start, and inherited: tells a process from its own detached descendants. */
  incarnation: 'VIGIL_INCARNATION',
} as const;

/** The key of a process started outside any action. */
export const STARTED_WITHOUT_ACTION = 'start';
