import { isUnitName, withSuffix } from '../../../../activities/runtimes/systemd/unit-name';

test.each([
  'nginx.service',
  'web@1.service',
  'dbus-org.freedesktop.hostname1.service',
  'mnt-data\\x2done.mount',
  'backup.timer',
])('%s names a unit', (unit) => {
  expect(isUnitName(unit)).toBe(true);
});

test.each([
  ['a pattern', 'nginx*.service'],
  ['an option', '--force.service'],
  ['two units', 'a.service b.service'],
  ['a path', '/etc/systemd/system/a.service'],
  ['a template without an instance', 'web@.service'],
  ['a target, which acts on the whole host', 'reboot.target'],
  ['a scope', 'init.scope'],
  ['a line break', 'a\n.service'],
  ['nothing', '.service'],
])('%s is refused', (_, unit) => {
  expect(isUnitName(unit)).toBe(false);
});

test('a name without a suffix is a service', () => {
  expect(withSuffix('nginx')).toBe('nginx.service');
  expect(withSuffix('web@1')).toBe('web@1.service');
  expect(withSuffix('backup.timer')).toBe('backup.timer');
});
