import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { loadAgentConfig } from '../../agent/config';

test('without any setting it measures this host and sends to this host', () => {
  expect(loadAgentConfig({ env: {} })).toEqual({
    home: resolve('.vigil'),
    logLevel: 'info',
    host: hostname(),
    apiUrl: 'http://127.0.0.1:8000',
    tokenFile: undefined,
    intervalMs: 10_000,
    checksIntervalMs: 5_000,
  });
});

test.each([
  ['30', 30_000],
  ['999', 999_000],
  ['1500', 1_500],
  ['250ms', 250],
  ['2m', 120_000],
])('AGENT_INTERVAL=%s is %i ms', (text, expected) => {
  expect(loadAgentConfig({ env: { AGENT_INTERVAL: text } }).intervalMs).toBe(expected);
});

test.each([
  [{ VIGIL_PORT_OFFSET: '100' }, 'http://127.0.0.1:8100'],
  [{ COLLECTOR_PORT: '9000' }, 'http://127.0.0.1:9000'],
  [{ VIGIL_AGENT_API_URL: 'https://vigil.example' }, 'https://vigil.example'],
])('%j leads to %s', (env, expected) => {
  expect(loadAgentConfig({ env }).apiUrl).toBe(expected);
});

test.each([
  [{ AGENT_INTERVAL: 'often' }, 'AGENT_INTERVAL'],
  [{ AGENT_INTERVAL: '1ms' }, 'at least 100ms'],
  [{ VIGIL_AGENT_API_URL: 'vigil.example' }, 'VIGIL_AGENT_API_URL'],
])('%j is refused', (env, message) => {
  expect(() => loadAgentConfig({ env })).toThrow(message);
});
