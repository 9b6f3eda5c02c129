/** What `systemctl show` says of a unit. */
export interface UnitState {
  id: string;
  /** Its aliases too. */
  names: string[];
  /** `loaded not-found masked bad-setting error …`. */
  loadState: string;
  /** `active reloading inactive failed activating deactivating`. */
  activeState: string;
  subState: string;
  /** Differs after every start; null: not started since the host booted. */
  invocationId: string | null;
  /** Microseconds since boot of the last time it became active; 0: never. */
  activeSinceUs: number;
  /** Starts that systemd made on its own since somebody last asked for one. */
  automaticRestarts: number;
  /** `success exit-code signal timeout …`. */
  result: string;
  /** Exit code of the last main process; null for kinds that have none. */
  exitStatus: number | null;
  mainPid: number;
  controlGroup: string;
  canStart: boolean;
  canStop: boolean;
  canReload: boolean;
}

type Reader = (state: UnitState, text: string) => void;

const PROPERTIES: Readonly<Record<string, Reader>> = {
  Id: (state, text) => (state.id = text),
  Names: (state, text) => (state.names = text.split(' ').filter((name) => name !== '')),
  LoadState: (state, text) => (state.loadState = text),
  ActiveState: (state, text) => (state.activeState = text),
  SubState: (state, text) => (state.subState = text),
  InvocationID: (state, text) => (state.invocationId = text === '' ? null : text),
  ActiveEnterTimestampMonotonic: (state, text) => (state.activeSinceUs = Number(text)),
  NRestarts: (state, text) => (state.automaticRestarts = Number(text)),
  Result: (state, text) => (state.result = text),
  ExecMainStatus: (state, text) => (state.exitStatus = Number(text)),
  MainPID: (state, text) => (state.mainPid = Number(text)),
  ControlGroup: (state, text) => (state.controlGroup = text),
  CanStart: (state, text) => (state.canStart = text === 'yes'),
  CanStop: (state, text) => (state.canStop = text === 'yes'),
  CanReload: (state, text) => (state.canReload = text === 'yes'),
};

export const PROPERTY_NAMES = Object.keys(PROPERTIES);

/** Reads `Name=value` lines. What a kind of unit lacks is not printed, and keeps its zero. */
export function parseProperties(text: string): UnitState {
  const state: UnitState = {
    ...{ id: '', names: [], loadState: '', activeState: '', subState: '' },
    ...{ invocationId: null, activeSinceUs: 0, automaticRestarts: 0, result: '' },
    ...{ exitStatus: null, mainPid: 0, controlGroup: '' },
    ...{ canStart: false, canStop: false, canReload: false },
  };
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    const read = at === -1 ? undefined : PROPERTIES[line.slice(0, at)];
    read?.(state, line.slice(at + 1));
  }
  return state;
}

/** It runs, or is on its way into or out of running. */
export function isUp({ activeState }: UnitState): boolean {
  return activeState !== 'inactive' && activeState !== 'failed';
}

/** One line for people: `active (running)`. */
export function stateLine({ activeState, subState }: UnitState): string {
  return `${activeState} (${subState})`;
}
