async function globalTeardown(): Promise<void> {
  await globalThis.stopTestServers?.();
}

// eslint-disable-next-line no-restricted-syntax -- Jest takes nothing but a default export.
export default globalTeardown;
