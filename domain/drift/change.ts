import type { Severity } from '../policy/policy';

/** missing: desired and not there; extra: there and not desired; changed: another value; version: another release of it. */
export type ChangeKind = 'missing' | 'extra' | 'changed' | 'version';

/** What a fact's value can be; a secret reference stands for itself. */
export type FactValue = boolean | number | string | readonly string[];

/**
 * Stands for a value that is there, is not the desired one, and is shown to nobody: it may be a
 * secret's.
 */
export const NOT_SHOWN = '(not shown)';

/** One difference between what is desired and what was observed. */
export interface Change {
  /**
   * JSON pointer (RFC 6901) of the fact: `/running`, `/command`, `/env/NAME`, `/config/<path>`, `/image`,
   * `/replicas`, `/resources/cpu`, `/resources/memory`, `/labels/NAME`, `/ports`,
   * `/volumes`, `/network`, `/healthCheck/<field>`, `/version`.
   */
  pointer: string;
  kind: ChangeKind;
  /** Null when not desired. */
  desired: FactValue | null;
  /** Null when not there. */
  observed: FactValue | null;
  severity: Severity;
  /** Who or what made it so, where that can be known. */
  attribution?: Attribution;
}

/** What is known of how a difference came about. Never a guess: a field that nobody told is null. */
export interface Attribution {
  /** Who told: an event of the container engine, the file's owner and times, the commit that changed the manifest. */
  from: 'event' | 'file' | 'git';
  /** A person or account: the file's owner, the commit's author. */
  by: string | null;
  /** Epoch ms. */
  at: number | null;
  /** One line for people: `container stopped by signal 15`, `written 0644 root:root`. */
  what: string;
}
