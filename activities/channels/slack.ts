import { z } from 'zod';
import type { Channel, ToldNotice } from '../../domain/channel';
import { postJson } from './post';
import { COMMON, reveal, secret } from './settings';
import { bodyOf, cut, headingOf, headlineOf, shownOf } from './words';

/** An incoming webhook of Slack, Mattermost, Rocket.Chat, …: its URL is the secret. */
export const slackSettings = z.strictObject({ type: z.literal('slack'), url: secret, ...COMMON });

/** Slack's limits, characters. */
const SECTION = 3000;
const TEXT = 12_000;

export function createSlackChannel(settings: z.output<typeof slackSettings>): Channel {
  return {
    type: 'slack',
    largest: 500,
    refreshMs: null,
    async send(message, signal) {
      const url = await reveal(settings.url);
      const { shown, rest } = shownOf(message);
      const parts = [...shown.map(markup), ...(rest === null ? [] : [escaped(rest)])];
      const headline = message.notices.length > 1 ? [`*${escaped(headlineOf(message))}*`] : [];
      // Receivers that know no blocks show `text`, so everything is in it.
      const body = {
        text: cut([...headline, ...parts].join('\n\n'), TEXT),
        blocks: parts.map((part) => ({
          type: 'section',
          text: { type: 'mrkdwn', text: cut(part, SECTION) },
        })),
      };
      await postJson({ url, body: JSON.stringify(body), signal, secrets: [url] });
      return { thread: null };
    },
  };
}

function markup(notice: ToldNotice): string {
  return [`*${escaped(headingOf(notice))}*`, ...bodyOf(notice).map(escaped)].join('\n');
}

/** Slack's three control characters: nobody's text can mention `<!channel>`. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
