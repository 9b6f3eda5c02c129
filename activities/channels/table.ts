import { z } from 'zod';
import type { Channel } from '../../domain/channel';
import { alertmanagerSettings, createAlertmanagerChannel } from './alertmanager';
import { createJsonChannel, jsonSettings } from './json';
import { createPagerdutyChannel, pagerdutySettings } from './pagerduty';
import { createSlackChannel, slackSettings } from './slack';
import { createSmtpChannel, smtpSettings } from './smtp';

/** What a channel is configured with, by its type. */
export const channelSettings = z.discriminatedUnion('type', [
  slackSettings,
  jsonSettings,
  smtpSettings,
  alertmanagerSettings,
  pagerdutySettings,
]);
export type ChannelSettings = z.output<typeof channelSettings>;

/** The adaptor for these settings; nothing is opened before a message is sent. */
export function createChannel(settings: ChannelSettings, deps: { now: () => number }): Channel {
  switch (settings.type) {
    case 'slack':
      return createSlackChannel(settings);
    case 'json':
      return createJsonChannel(settings, deps);
    case 'smtp':
      return createSmtpChannel(settings);
    case 'alertmanager':
      return createAlertmanagerChannel(settings, deps);
    case 'pagerduty':
      return createPagerdutyChannel(settings);
  }
}
