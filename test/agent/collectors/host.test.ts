import { cpus } from 'node:os';
import { createHostCollector, localMounts } from '../../../agent/collectors/host';
import { waitFor } from '../../support/wait';

test('the second look has CPU, memory and the root disk, as ratios, stamped when measured', async () => {
  const collect = createHostCollector({ host: 'a', now: () => 1234 });
  await collect();
  const samples = await waitFor('CPU time to pass', async () => {
    const found = await collect();
    return found.some(({ name }) => name === 'cpu_usage') && found;
  });
  const names = samples.map(({ name, tags }) => `${name} ${tags['mount'] ?? ''}`);
  expect(names).toEqual(expect.arrayContaining(['cpu_usage ', 'memory_usage ', 'disk_usage /']));
  for (const { value, timestamp, tags, source } of samples) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThanOrEqual(1);
    expect(tags).toMatchObject({ namespace: 'default', host: 'a' });
    expect({ timestamp, source }).toEqual({ timestamp: 1234, source: 'agent' });
  }
  expect(samples.find(({ name }) => name === 'memory_usage')?.value).toBeGreaterThan(0);
});

test('a busy host shows more CPU usage than an idle moment can hide', async () => {
  const collect = createHostCollector({ host: 'a', now: () => 0 });
  await collect();
  // A virtual machine may get next to no time of its own for a moment.
  await waitFor('a busy moment', async () => {
    const end = performance.now() + 300;
    while (performance.now() < end);
    const samples = await collect();
    const cpu = samples.find(({ name }) => name === 'cpu_usage')?.value ?? 0;
    return cpu > 0.5 / cpus().length;
  });
});

test('mounts are the root and one for each disk, without images and files of the system', () => {
  const table = [
    'overlay / overlay rw 0 0',
    'proc /proc proc rw 0 0',
    '/dev/sda1 /etc/hosts ext4 rw 0 0',
    '/dev/sda1 /data ext4 rw 0 0',
    '/dev/sda1 /also-data ext4 rw 0 0',
    '/dev/loop3 /snap/core squashfs ro 0 0',
    '/dev/sdb1 /my\\040disk xfs rw 0 0',
    'server:/share /nfs nfs rw 0 0',
  ].join('\n');
  expect(localMounts(table)).toEqual(['/', '/data', '/my disk']);
  expect(localMounts('/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /home ext4 rw 0 0\n')).toEqual(['/']);
});
