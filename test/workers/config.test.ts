import { loadConfig } from '../../platform/config-loader';
import { workerConfigSchema } from '../../workers/config';

const load = (env: NodeJS.ProcessEnv = {}) => loadConfig(workerConfigSchema, { env }).worker;

test('without settings no folder may be run from, and no private address be reached', () => {
  expect(load().script).toEqual({ folders: [] });
  expect(load().webhook).toEqual({ allowPrivate: [] });
});

test('both lists can be given by the environment, separated by commas', () => {
  const worker = load({
    VIGIL_WORKER_SCRIPT_FOLDERS: '/etc/vigil/scripts, /opt/fixes',
    VIGIL_WORKER_WEBHOOK_ALLOW_PRIVATE: '10.0.0.0/8,::1',
  });
  expect(worker.script.folders).toEqual(['/etc/vigil/scripts', '/opt/fixes']);
  expect(worker.webhook.allowPrivate).toEqual(['10.0.0.0/8', '::1']);
});

test.each([
  ['VIGIL_WORKER_SCRIPT_FOLDERS', 'scripts', 'must hold full paths'],
  ['VIGIL_WORKER_WEBHOOK_ALLOW_PRIVATE', 'intranet', 'must hold addresses or ranges'],
])('%s=%s is refused', (name, value, message) => {
  expect(() => load({ [name]: value })).toThrow(message);
});
