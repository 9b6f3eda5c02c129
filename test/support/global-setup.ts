import { startTestServers } from './servers';

declare global {
  var stopTestServers: (() => Promise<void>) | undefined;
}

/** Unit tests (`npm run verify`) say VIGIL_TEST_SERVERS=none: they need no server. */
async function globalSetup(): Promise<void> {
  if (process.env['VIGIL_TEST_SERVERS'] === 'none') return;
  // The servers are ended on exit, which a signal alone would not bring about.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(1));
  }
  globalThis.stopTestServers = await startTestServers(process.env);
}

// eslint-disable-next-line no-restricted-syntax -- Jest takes nothing but a default export.
export default globalSetup;
