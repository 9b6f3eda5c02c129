import type { Command } from 'commander';
import { Decided } from '../answers';
import { findAction } from '../find-action';
import { talksToApi } from '../output';

const DECISIONS = {
  approve: 'let an action that waits for approval run',
  reject: 'refuse an action that waits for approval',
  cancel: 'end an action before its next step',
  withdraw: 'take your yes back while the action still waits',
} as const;

export function register(program: Command): void {
  for (const [decision, description] of Object.entries(DECISIONS)) {
    talksToApi(
      program
        .command(decision)
        .description(description)
        .argument('<id>', 'id of the action, or its first characters')
        .option('--comment <text>', 'why; it lands in the audit trail'),
      async ({ api, args: [given = ''], options, show }) => {
        const id = await findAction(api, given);
        const answer = await api.send(
          {
            method: 'POST',
            path: `/actions/${id}/${decision}`,
            json: { comment: options.text('comment') },
          },
          Decided,
        );
        show(answer, () => [`action ${id} is ${answer.state}`]);
      },
    );
  }
}
