import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { listOf, NoticeRow } from '../answers';
import type { ApiClient } from '../client';
import { CliFailure } from '../failure';
import { clock, table, talksToApi } from '../output';

/** A worker polls at worst, and the channel has its deadline. */
const TEST_DEADLINE_MS = 20_000;
const POLL_MS = 200;

export function register(program: Command): void {
  const notices = program.command('notices').description('what people were told, and how');
  talksToApi(
    notices
      .command('list', { isDefault: true })
      .description('notices, newest first')
      .option('--kind <kind>', 'only of this kind: held, inconclusive, approval_wanted, …')
      .option('--open', 'only incidents that stand')
      .option('--limit <n>', 'how many', '50'),
    async ({ api, options, show }) => {
      const answer = await api.get('/notices', listOf(NoticeRow), {
        kind: options.text('kind'),
        open: options.flag('open') ? 'true' : undefined,
        limit: options.text('limit'),
      });
      show(answer, () => renderNotices(answer.items));
    },
  );
  talksToApi(
    notices
      .command('test')
      .description('tell a word by one channel; exit 1 unless it arrives')
      .argument('<channel>', 'its name in the configuration of the workers'),
    async ({ api, args: [channel = ''], show }) => {
      const asked = await api.send(
        { method: 'POST', path: '/notices/test', json: { channel } },
        NoticeRow,
      );
      const told = await outcomeOf(api, asked.id);
      const [delivery] = told.deliveries;
      show(told, () =>
        delivery?.state === 'sent' ? [`${channel} took it: look whether it arrived`] : [],
      );
      if (delivery?.state === 'sent') return;
      throw new CliFailure(
        `${channel} did not take it: ${delivery?.error ?? 'no worker tells it'}`,
      );
    },
  );
}

/** The notice once it was sent or a try has failed; as it is when the deadline passes. */
async function outcomeOf(api: ApiClient, id: number): Promise<NoticeRow> {
  const deadline = Date.now() + TEST_DEADLINE_MS;
  for (;;) {
    const notice = await api.get(`/notices/${id}`, NoticeRow);
    const [delivery] = notice.deliveries;
    const isDecided =
      delivery !== undefined && (delivery.state !== 'waiting' || delivery.error !== null);
    if (isDecided || Date.now() > deadline) return notice;
    await pause(POLL_MS);
  }
}

export function renderNotices(notices: readonly NoticeRow[]): string[] {
  const cells = notices.map((notice) => [
    String(notice.id),
    clock(notice.at),
    notice.kind,
    notice.isResolved ? 'resolved' : notice.isOpen ? `${notice.severity}, open` : notice.severity,
    notice.title,
    notice.deliveries.map(told).join('; ') || '-',
  ]);
  const header = ['ID', 'AT (UTC)', 'KIND', 'STATE', 'WHAT', 'TOLD BY'];
  return table(header, cells, 'no notices');
}

function told({ channel, state, attempts, error }: NoticeRow['deliveries'][number]): string {
  if (state === 'sent') return channel;
  const why = error === null ? '' : `: ${error}`;
  const tries = attempts > 1 ? `, ${attempts} tries` : '';
  return `${channel} (${state.replace('_', ' ')}${tries}${why})`;
}
