import type { Command } from 'commander';
import { Anything, listOf, Pause } from '../answers';
import { usageError } from '../failure';
import { clock, fullKey, table, talksToApi, type Options } from '../output';

export function register(program: Command): void {
  talksToApi(
    scoped(program.command('pause').description('take no action, on a resource or on everything'))
      .option('--for <duration>', 'lift by itself after 10m, 2h, …; default: until resume')
      .option('--reason <text>', 'why; people and the audit trail see it', 'by hand'),
    async ({ api, args, options, show }) => {
      const pause = await api.send(
        {
          method: 'POST',
          path: '/pause',
          json: {
            scope: scopeOf(args[0], options),
            for: options.text('for'),
            reason: options.text('reason'),
          },
        },
        Pause,
      );
      const until =
        pause.until === null ? 'until ./vigil resume' : `until ${clock(pause.until)} UTC`;
      show(pause, () => [`${everything(pause.scope)} is paused ${until}: ${pause.reason}`]);
    },
  );
  talksToApi(
    scoped(program.command('resume').description('lift a pause')),
    async ({ api, args, options, show }) => {
      const scope = scopeOf(args[0], options);
      const answer = await api.send({ method: 'POST', path: '/resume', json: { scope } }, Anything);
      show(answer, () => [`${everything(scope)} is no longer paused`]);
    },
  );
  talksToApi(program.command('pauses').description('what is paused now'), async ({ api, show }) => {
    const answer = await api.get('/pauses', listOf(Pause));
    const rows = answer.items.map(({ scope, until, actor, reason }) => [
      everything(scope),
      until === null ? 'resumed' : clock(until),
      actor,
      reason,
    ]);
    show(answer, () => table(['SCOPE', 'UNTIL (UTC)', 'BY', 'REASON'], rows, 'nothing is paused'));
  });
}

function scoped(command: Command): Command {
  return command
    .argument('[resource]', 'name, or namespace/name; of a resource, its Service or a Group')
    .option('--all', 'everything');
}

/** Exactly one of RESOURCE and `--all`, so that nothing big happens by a slip. */
function scopeOf(resource: string | undefined, options: Options): string {
  if ((resource === undefined) !== options.flag('all')) {
    throw usageError('name one resource, or say --all');
  }
  return resource === undefined ? '*' : fullKey(resource);
}

function everything(scope: string): string {
  return scope === '*' ? 'everything' : scope;
}
