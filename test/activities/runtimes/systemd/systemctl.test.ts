import { createSystemdRuntime } from '../../../../activities/runtimes/systemd/runtime';
import { parseProperties } from '../../../../activities/runtimes/systemd/properties';
import { TransientError, type RuntimeTarget } from '../../../../domain/action/runtime';
import type { UnitScope } from '../../../../domain/runtime-spec';

/** What systemd 252 printed for a unit that runs. */
const RUNNING = `MainPID=1234
NRestarts=2
ExecMainStatus=0
Result=success
ControlGroup=/system.slice/web.service
Id=web.service
Names=web.service www.service
LoadState=loaded
ActiveState=active
SubState=running
ActiveEnterTimestampMonotonic=725859944
CanStart=yes
CanStop=yes
CanReload=no
InvocationID=1cd106f4b4894c7a987205add28d73f6
`;

/** And for one that is not there. */
const NOT_FOUND = `Id=nowhere.service
Names=nowhere.service
LoadState=not-found
ActiveState=inactive
SubState=dead
CanStart=no
InvocationID=
`;

test('what systemctl shows is read by name, in any order', () => {
  expect(parseProperties(RUNNING)).toEqual({
    ...{ id: 'web.service', names: ['web.service', 'www.service'], loadState: 'loaded' },
    ...{ activeState: 'active', subState: 'running', activeSinceUs: 725_859_944 },
    ...{ invocationId: '1cd106f4b4894c7a987205add28d73f6', automaticRestarts: 2 },
    ...{ result: 'success', exitStatus: 0, mainPid: 1234 },
    ...{ controlGroup: '/system.slice/web.service' },
    ...{ canStart: true, canStop: true, canReload: false },
  });
});

test('what a unit lacks is nothing, not a value of another', () => {
  expect(parseProperties(NOT_FOUND)).toMatchObject({
    ...{ loadState: 'not-found', invocationId: null, exitStatus: null, mainPid: 0 },
  });
});

function target(scope: UnitScope = 'system'): RuntimeTarget {
  return {
    resource: 'test/web',
    spec: {
      ...{ hosts: [], labels: {}, healthCheck: null, config: [] },
      sync: { mode: 'detect', cooldownMs: 0 },
      runtime: { type: 'systemd', unit: 'web.service', scope },
    },
  };
}

/** A systemctl that answers what a real one was recorded to say when it could not do its work. */
function refusing(words: string): ReturnType<typeof createSystemdRuntime> {
  const script = `process.stderr.write(${JSON.stringify(words)}); process.exit(1)`;
  const systemctl = [process.execPath, '-e', script, '--'];
  return createSystemdRuntime({ home: '/nowhere', now: Date.now, systemctl });
}

test.each([
  [
    'a host without systemd',
    "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
    'this host was not booted with systemd',
  ],
  [
    'a user without rights',
    'Failed to get properties: Access denied\n',
    'run the worker as root or allow it by a polkit rule',
  ],
  [
    'a system bus out of reach',
    'Failed to connect to bus: No such file or directory\n',
    'cannot be reached from here',
  ],
])('%s is an error that names the remedy, and is not tried again', async (...given) => {
  const [, words, remedy] = given;
  const attempt = refusing(words).inspect(target());
  await expect(attempt).rejects.toThrow(remedy);
  await expect(attempt).rejects.not.toBeInstanceOf(TransientError);
});

test("a user's manager that does not run is kept running by lingering", async () => {
  const words = 'Failed to connect to bus: No medium found\n';
  await expect(refusing(words).inspect(target('user'))).rejects.toThrow('loginctl enable-linger');
});

test('a systemd that does not answer may be tried again', async () => {
  const words = 'Failed to get properties: Connection timed out\n';
  await expect(refusing(words).inspect(target())).rejects.toBeInstanceOf(TransientError);
});

test('a host without systemctl is named as such', async () => {
  const systemctl = ['vigil-no-such-systemctl'];
  const runtime = createSystemdRuntime({ home: '/nowhere', now: Date.now, systemctl });
  await expect(runtime.inspect(target())).rejects.toThrow(
    'systemctl cannot be run (ENOENT): runtime systemd needs a host with systemd',
  );
});

test('a job that takes too long may be tried again', async () => {
  const systemctl = [process.execPath, '-e', 'setInterval(() => {}, 60000)', '--'];
  const runtime = createSystemdRuntime({
    ...{ home: '/nowhere', now: Date.now, systemctl, askTimeoutMs: 300 },
  });
  await expect(runtime.inspect(target())).rejects.toThrow('is not done after 300 ms');
  await expect(runtime.inspect(target())).rejects.toBeInstanceOf(TransientError);
});
