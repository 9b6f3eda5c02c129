import type { ConfigFile } from '../../../domain/resource';
import { runCommand } from '../../../platform/command';

const NEW_FILE_MODE = 0o644;
const GETENT_TIMEOUT_MS = 5_000;

/** What a file is besides its content; `owner` null: whoever creates it. */
export interface Attributes {
  mode: number;
  owner: { uid: number; gid: number } | null;
  /** The manifest names the owner: not to be able to set it is an error. */
  isOwnerWanted: boolean;
}

export interface Present {
  mode: number;
  uid: number;
  gid: number;
}

/**
 * What a file is to be: what the manifest says, else what it is now, else 0644 of the worker's
 * user. Throws where the manifest names a user or a group that this host does not have.
 */
export async function wantedAttributes(
  { mode, owner }: ConfigFile,
  present: Present | null,
): Promise<Attributes> {
  const kept = present === null ? null : { uid: present.uid, gid: present.gid };
  return {
    mode: mode === undefined ? (present?.mode ?? NEW_FILE_MODE) & 0o7777 : Number.parseInt(mode, 8),
    owner: owner === undefined ? kept : await ownerOf(owner, present?.gid ?? process.getgid?.()),
    isOwnerWanted: owner !== undefined,
  };
}

/** `web`, `web:adm`, `33`, `33:4`; without a group, the user's own for a name, `gid` for a number. */
export async function ownerOf(owner: string, gid = 0): Promise<{ uid: number; gid: number }> {
  const [user = '', group] = owner.split(':');
  const entry = isNumber(user) ? [user, '', user, String(gid)] : await entryOf('passwd', user);
  const groupId =
    group === undefined ? entry[3] : isNumber(group) ? group : (await entryOf('group', group))[2];
  return { uid: Number(entry[2]), gid: Number(groupId) };
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** Names are asked of the system, which knows where they are kept (files, LDAP, …). */
async function entryOf(database: 'passwd' | 'group', name: string): Promise<string[]> {
  const kind = database === 'passwd' ? 'user' : 'group';
  const { exitCode, stdout } = await runCommand(['getent', '--', database, name], {
    timeoutMs: GETENT_TIMEOUT_MS,
  });
  if (exitCode !== 0) throw new Error(`this host has no ${kind} "${name}"`);
  return stdout.trim().split(':');
}
