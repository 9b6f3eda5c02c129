import {
  ownReason,
  parseControlGroups,
  readSelf,
  type Self,
} from '../../../../activities/runtimes/systemd/own-units';
import { parseProperties } from '../../../../activities/runtimes/systemd/properties';

const SELF: Self = {
  controlGroups: ['/system.slice/worker.service/sub'],
  pids: [400, 300, 1],
};

test.each([
  ['the unit that the worker runs in', 'Id=a.service\nControlGroup=/system.slice/worker.service'],
  ['a unit that started the worker', 'Id=a.service\nMainPID=300'],
  ['a unit of that name', 'Id=vigil-worker.service\nNames=vigil-worker.service'],
  ['an alias of that name', 'Id=a.service\nNames=a.service vigil.service'],
])("%s is Vigil's own", (_, shown) => {
  expect(ownReason(parseProperties(shown), SELF)).not.toBeNull();
});

test.each([
  [
    'another unit',
    'Id=a.service\nNames=a.service\nControlGroup=/system.slice/a.service\nMainPID=7',
  ],
  ['a unit whose name starts alike', 'ControlGroup=/system.slice/worker.serv'],
  ['a unit of another word', 'Names=vigilant.service'],
  ['a unit that does not run', 'Names=a.service\nControlGroup=\nMainPID=0'],
])('%s is not', (_, shown) => {
  expect(ownReason(parseProperties(shown), SELF)).toBeNull();
});

test('control groups are read from every hierarchy but its root', () => {
  const text = '4:memory:/a/b\n1:name=systemd:/\n0::/system.slice/x:y.service\n';
  expect(parseControlGroups(text)).toEqual(['/a/b', '/system.slice/x:y.service']);
});

test('this process knows its ancestors', () => {
  expect(readSelf().pids).toEqual(expect.arrayContaining([process.pid, process.ppid, 1]));
});
