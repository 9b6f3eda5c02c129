import type { Command } from 'commander';
import { printer } from '../output';
import { ensureApprovalKey, rotateApprovalKey, type ApprovalKey } from '../up/approval-key';
import { homeFolder } from '../up/paths';

/** Adds `vigil keys` and `vigil keys rotate`. */
export function register(program: Command): void {
  const keys = program
    .command('keys')
    .description('show the key that signs decisions: its file and fingerprint, never the key')
    .option('--json', 'print {path, fingerprint, madeAt}');
  keys.action(() => {
    show(keys, ensureApprovalKey(homeFolder(process.env)));
  });
  const rotate = keys
    .command('rotate')
    .description('replace it; decisions signed with the old one are refused from then on')
    .option('--json', 'print {path, fingerprint, madeAt}');
  rotate.action(() => {
    show(rotate, rotateApprovalKey(homeFolder(process.env)));
    if (!isJson(rotate)) printer(rotate)('restart the api and the workers so that they read it');
  });
}

function show(command: Command, key: ApprovalKey): void {
  const madeAt = new Date(key.madeAt).toISOString();
  const print = printer(command);
  if (isJson(command)) print(JSON.stringify({ ...key, madeAt }));
  else
    print(`file         ${key.path}`, `fingerprint  ${key.fingerprint}`, `made         ${madeAt}`);
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals()['json'] === true;
}
