import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { actorName } from '../client';
import { CliFailure, usageError } from '../failure';
import { optionsOf, printer, type Options } from '../output';
import {
  approversTemplate,
  groupTemplate,
  maintenanceTemplate,
  policyTemplate,
  serviceTemplate,
} from '../templates';
import { freePort } from '../up/ports';
import { repositoryRoot } from '../up/paths';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DEFAULT_FOLDER = 'manifests/demo';

export function register(program: Command): void {
  const init = program.command('init').description('write a commented manifest to start from');
  registerService(init);
  registerPolicy(init);
  registerGroup(init);
  registerMaintenance(init);
  registerApprovers(init);
}

function registerService(init: Command): void {
  const command = withPlace(init.command('service'))
    .description('a Service: what runs, and how to tell that it is well')
    .option('--command <line>', 'the program and its arguments; default: the example server')
    .option('--port <port>', 'where it listens; default: a free one');
  command.action(async (name: string) => {
    const options = optionsOf(command);
    const place = placeOf(name, options);
    const port = options.text('port') ?? String(await freePort());
    if (!/^[1-9]\d{0,4}$/.test(port)) throw usageError(`--port ${port}: no TCP port`);
    const line = options.text('command');
    const text = serviceTemplate({
      ...place,
      port,
      command: line === undefined ? ['node', 'examples/web/server.mjs'] : splitCommand(line),
    });
    write(place.file, text);
    printer(command)(
      `wrote ${place.file}`,
      `  check it      ./vigil check ${place.file}`,
      ...inForce(place),
      `  watch it      ./vigil why ${place.resource}`,
      `  heal it       ./vigil init policy ${name}-down --target ${name}${namespaceFlag(place)}`,
    );
  });
}

function registerPolicy(init: Command): void {
  const command = withPlace(init.command('policy'))
    .description('a Policy: when something is wrong, what to do about it')
    .option('--target <name>', 'name of the Service it looks after, or a pattern', '*');
  command.action((name: string) => {
    const options = optionsOf(command);
    const place = placeOf(name, options);
    const target = patternOf(options, 'target');
    write(place.file, policyTemplate({ ...place, target }));
    printer(command)(
      `wrote ${place.file}`,
      `  check it      ./vigil check ${place.file}`,
      ...inForce(place),
      `  try it        ./vigil simulate crash --target ${target === '*' ? 'NAME' : target} --yes`,
    );
  });
}

function registerGroup(init: Command): void {
  const command = withPlace(init.command('group'))
    .description('a Group: resources that share limits, so that never too many are down at once')
    .option('--members <name>', 'name of the Services in it, or a pattern', '*');
  command.action((name: string) => {
    const options = optionsOf(command);
    const place = placeOf(name, options);
    write(place.file, groupTemplate({ ...place, members: patternOf(options, 'members') }));
    printer(command)(
      `wrote ${place.file}`,
      `  check it      ./vigil check ${place.file}`,
      ...inForce(place),
      `  use it        its limits hold for its members; limits: { group: ${name} } in a Policy holds for others, too`,
    );
  });
}

function registerMaintenance(init: Command): void {
  const command = withPlace(init.command('maintenance'))
    .description('a MaintenanceWindow: a time in which nothing is done to its targets')
    .option('--target <name>', 'name of the Service it is for, or a pattern', '*');
  command.action((name: string) => {
    const options = optionsOf(command);
    const place = placeOf(name, options);
    write(place.file, maintenanceTemplate({ ...place, target: patternOf(options, 'target') }));
    printer(command)(
      `wrote ${place.file}`,
      `  check it      ./vigil check ${place.file}`,
      ...inForce(place),
      '  at once       ./vigil pause RESOURCE --for 1h --reason TEXT',
    );
  });
}

function registerApprovers(init: Command): void {
  const command = withPlace(init.command('approvers'))
    .description('Approvers: people who may decide')
    .option('--members <names>', 'who, with commas between; default: whoever types this');
  command.action((name: string) => {
    const options = optionsOf(command);
    const place = placeOf(name, options);
    const given = options.text('members') ?? actorName(process.env);
    const members = given
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
    if (members.length === 0) throw usageError(`--members ${given}: names nobody`);
    write(place.file, approversTemplate({ ...place, members }));
    printer(command)(
      `wrote ${place.file}`,
      `  check it      ./vigil check ${place.file}`,
      ...inForce(place),
      `  use it        approval: { of: [${name}] } in a Policy of namespace ${place.namespace}`,
    );
  });
}

/** A name of Services, or a pattern. */
function patternOf(options: Options, option: string): string {
  const pattern = options.text(option) ?? '*';
  if (/^[a-z0-9*?@.-]+$/.test(pattern)) return pattern;
  throw usageError(`--${option} ${pattern}: no name or pattern`);
}

function withPlace(command: Command): Command {
  return command
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--namespace <namespace>', 'its namespace', 'default')
    .option(
      '--out <folder>',
      `where to write; default: ${DEFAULT_FOLDER}, which npm start watches`,
    );
}

interface Place {
  name: string;
  namespace: string;
  resource: string;
  /** Relative to where the command was typed. */
  file: string;
  isWatched: boolean;
}

function placeOf(name: string, options: Options): Place {
  const namespace = options.text('namespace') ?? 'default';
  for (const word of [name, namespace]) {
    if (!NAME.test(word)) {
      throw usageError(`"${word}": write lower-case letters, digits and dashes, at most 63`);
    }
  }
  const out = options.text('out');
  const folder = out ?? (relative(process.cwd(), join(repositoryRoot(), DEFAULT_FOLDER)) || '.');
  return {
    name,
    namespace,
    resource: namespace === 'default' ? name : `${namespace}/${name}`,
    file: join(folder, `${name}.yaml`),
    isWatched: out === undefined,
  };
}

function namespaceFlag({ namespace }: Place): string {
  return namespace === 'default' ? '' : ` --namespace ${namespace}`;
}

function inForce({ isWatched, file }: Place): string[] {
  return isWatched
    ? ['  in force      by itself, a moment after it was written, while npm start runs']
    : [`  in force      ./vigil apply -f ${file}, or let gitops watch its folder`];
}

function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    // wx: what somebody wrote is never overwritten, not even in a race.
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new CliFailure(`${file} is there already: choose another name or delete it`, 1, {
        cause,
      });
    }
    throw new CliFailure(`${file} cannot be written: ${message}`, 1, { cause });
  }
}

/** `a "b c" 'd'` → its words; no other shell syntax, since no shell will read it. Throws usageError. */
export function splitCommand(line: string): string[] {
  const words = [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
  const rest = line.replace(/"[^"]*"|'[^']*'/g, '');
  if (words.length === 0) throw usageError('--command is empty');
  if (/["']/.test(rest)) throw usageError(`--command ${line}: a quote is never closed`);
  if (/[|&;<>$`]/.test(rest)) {
    throw usageError(
      `--command ${line}: no shell reads it; write a script, or --command "sh -c '…'"`,
    );
  }
  return words;
}
