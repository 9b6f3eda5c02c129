import type { ObservedState } from '../action/runtime';
import type { ServiceSpec } from '../resource';
import type { FactValue } from './change';

/**
 * A resource as facts, keyed by JSON pointer, so that desired and observed state compare leaf by
 * leaf. A group (the pointer's first segment) in `unseen` was not looked at: a stopped process has
 * no command, which says nothing about whether its command is right.
 */
export interface Facts {
  values: ReadonlyMap<string, FactValue>;
  unseen: ReadonlySet<string>;
}

/** Hex SHA-256 of a text in UTF-8; an argument, because domain code has no crypto. */
export type Sha256 = (text: string) => string;

const NOTHING: ReadonlySet<string> = new Set();

/** What should be true of a Service. Of a file only its checksum counts. */
export function desiredFacts(spec: ServiceSpec, sha256: Sha256): Facts {
  const { runtime } = spec;
  const values = new Map<string, FactValue>([['/running', true]]);
  if ('command' in runtime && runtime.command !== null) values.set('/command', runtime.command);
  // A script's environment is that of its runs, not of something that stands.
  const hasEnvironment = 'env' in runtime && runtime.type !== 'script';
  for (const [name, value] of Object.entries(hasEnvironment ? runtime.env : {})) {
    values.set(pointerTo('env', name), value);
  }
  for (const file of spec.config) {
    const checksum = file.kind === 'content' ? sha256(file.content) : file.sha256;
    values.set(pointerTo('config', tidyPath(file.path)), checksum.toLowerCase());
  }
  return { values, unseen: NOTHING };
}

/** What a runtime saw. A resource that was never started has no fact `/running`; one that stopped has it as false. */
export function observedFacts(observed: ObservedState): Facts {
  const values = new Map<string, FactValue>();
  const unseen = new Set<string>();
  if (!observed.isAbsent) values.set('/running', observed.isRunning);
  if (observed.command === null) unseen.add('command');
  else values.set('/command', observed.command);
  if (observed.env === null) unseen.add('env');
  for (const [name, value] of Object.entries(observed.env ?? {})) {
    if (value !== null) values.set(pointerTo('env', name), value);
  }
  for (const { path, sha256 } of observed.config) {
    if (sha256 !== null) values.set(pointerTo('config', tidyPath(path)), sha256.toLowerCase());
  }
  return { values, unseen };
}

/** The pointer's first segment. */
export function groupOf(pointer: string): string {
  return pointer.split('/', 2)[1] ?? '';
}

/** `config`, `etc/web.conf` → `/config/etc~1web.conf`. */
export function pointerTo(group: string, leaf: string): string {
  return `/${group}/${leaf.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** `./a//b` and `a/b` are one file. */
function tidyPath(path: string): string {
  return path
    .replace(/\/{2,}/g, '/')
    .replaceAll('/./', '/')
    .replace(/^\.\/(?=.)/, '');
}
