import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import type { ConfigFile } from '../../../../domain/resource';
import { waitFor } from '../../../support/wait';
import { createBench, goOn, KEY, type Bench } from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => {
  bench.tearDown();
});

const isRoot = process.getuid?.() === 0;

/** What lies beside the files: nothing of Vigil's may be left there. */
function leftovers(): string[] {
  return readdirSync(bench.home).filter((name) => name.includes('.vigil-'));
}

describe('sync', () => {
  test('keeps mode and owner of what was there, and makes folders of what was not', async () => {
    bench.write('a.ini', 'old');
    chmodSync(bench.path('a.ini'), 0o640);
    const target = bench.target([bench.file('a.ini', 'a=1\n'), bench.file('new/b.ini', 'b=1\n')]);
    const { summary } = await bench.runtime.execute(await bench.request(target), goOn);
    expect(summary).toBe(`wrote ${bench.path('a.ini')}, ${bench.path('new/b.ini')}`);
    expect([bench.read('a.ini'), bench.read('new/b.ini')]).toEqual(['a=1\n', 'b=1\n']);
    expect(statSync(bench.path('a.ini')).mode & 0o777).toBe(0o640);
    expect(statSync(bench.path('new/b.ini')).mode & 0o777).toBe(0o644);
    expect(leftovers()).toEqual([]);
  });

  test('keeps a backup under its checksum that nobody else may read', async () => {
    bench.write('a.ini', 'old');
    const target = bench.target([bench.file('a.ini', 'new')]);
    await bench.runtime.execute(await bench.request(target), goOn);
    const folder = 'vigil/backups/test/web';
    const [backup = ''] = readdirSync(bench.path(folder));
    expect(backup).toBe(createHash('sha256').update('old').digest('hex'));
    expect(bench.read(`${folder}/${backup}`)).toBe('old');
    expect(statSync(bench.path(folder, backup)).mode & 0o777).toBe(0o600);
  });

  test('sets mode and owner where the manifest names them, also where only they differ', async () => {
    bench.write('a.ini', 'same');
    const owner = isRoot ? '12:34' : `${process.getuid?.() ?? 0}`;
    const target = bench.target([bench.file('a.ini', 'same', { mode: '0600', owner })]);
    await bench.runtime.execute(await bench.request(target), goOn);
    const { mode, uid, gid } = statSync(bench.path('a.ini'));
    expect(mode & 0o7777).toBe(0o600);
    if (isRoot) expect([uid, gid]).toEqual([12, 34]);
  });

  test('tells mode and owner where the manifest names them, in its words while they are right', async () => {
    bench.write('a.ini', 'same');
    chmodSync(bench.path('a.ini'), 0o640);
    const { uid, gid } = statSync(bench.path('a.ini'));
    const sha256 = createHash('sha256').update('same').digest('hex');
    const observed = async (more: Pick<ConfigFile, 'mode' | 'owner'>) =>
      (await bench.runtime.observe(bench.target([bench.file('a.ini', 'same', more)]))).config;
    const path = bench.path('a.ini');
    expect(await observed({})).toEqual([{ path, sha256 }]);
    expect(await observed({ mode: '600' })).toEqual([{ path, sha256, mode: '0640' }]);
    expect(await observed({ owner: String(uid) })).toEqual([{ path, sha256, owner: String(uid) }]);
    expect(await observed({ owner: 'vigil-nobody-at-all' })).toEqual([
      { path, sha256, owner: 'vigil-nobody-at-all' },
    ]);
    expect(await observed({ owner: '4711:4712' })).toEqual([
      { path, sha256, owner: `${uid}:${gid}` },
    ]);
    rmSync(path);
    expect(await observed({ mode: '0600' })).toEqual([{ path, sha256: null }]);
  });

  test('a user that this host does not have is named, and nothing is written', async () => {
    bench.write('a.ini', 'old');
    const config = [bench.file('a.ini', 'new', { owner: 'vigil-nobody-at-all' })];
    const asked = await bench.request(bench.target(config));
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
      'this host has no user "vigil-nobody-at-all"',
    );
    expect(bench.read('a.ini')).toBe('old');
  });

  test.each([
    [
      'a symbolic link',
      () => {
        symlinkSync(bench.path('real.ini'), bench.path('b.ini'));
      },
    ],
    [
      'a folder',
      () => {
        mkdirSync(bench.path('b.ini'));
      },
    ],
    [
      'a special file',
      () => {
        execFileSync('mkfifo', [bench.path('b.ini')]);
      },
    ],
  ])('%s is refused by name, and no other file is written', async (kind, make) => {
    bench.write('a.ini', 'old');
    bench.write('real.ini', 'behind the link');
    make();
    const asked = await bench.request(
      bench.target([bench.file('a.ini', 'new'), bench.file('b.ini', 'new')]),
    );
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(`b.ini is ${kind}`);
    expect([bench.read('a.ini'), bench.read('real.ini')]).toEqual(['old', 'behind the link']);
    expect(lstatSync(bench.path('b.ini')).isFile()).toBe(false);
  });

  test('of files of which one cannot be written, none is', async () => {
    bench.write('a.ini', 'old');
    bench.write('file', 'not a folder');
    const config = [bench.file('a.ini', 'new'), bench.file('file/b.ini', 'new')];
    const asked = await bench.request(bench.target(config));
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(/file\/b.ini/);
    expect(bench.read('a.ini')).toBe('old');
    expect(leftovers()).toEqual([]);
  });

  test('a content that the manifest does not give is asked for before anything is written', async () => {
    bench.write('a.ini', 'old');
    const config = [
      bench.file('a.ini', 'new'),
      { kind: 'checksum' as const, path: bench.path('b.ini'), sha256: '0'.repeat(64) },
    ];
    const asked = await bench.request(bench.target(config));
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow('gives only its checksum');
    expect(bench.read('a.ini')).toBe('old');
  });

  test('of files that are as desired nobody is told', async () => {
    bench.write('a.ini', 'same');
    const target = bench.target([bench.file('a.ini', 'same')], bench.reloadCommand());
    const { summary } = await bench.runtime.execute(await bench.request(target, 'apply'), goOn);
    expect(summary).toBe('the files are as desired');
    expect(bench.reloads()).toBe(0);
  });
});

describe('a reader that refuses the new files', () => {
  test('gets the old ones back, and the step has failed with what it said', async () => {
    bench.write('a.ini', 'old');
    const target = bench.target(
      [bench.file('a.ini', 'broken'), bench.file('b.ini', 'new')],
      bench.reloadCommand(),
    );
    const asked = await bench.request(target);
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
      /ended with 3: line 1 is broken; .* put back as before, and reloaded/,
    );
    expect(bench.read('a.ini')).toBe('old');
    expect(bench.exists('b.ini')).toBe(false);
    expect(bench.reloads()).toBe(2);
    expect(await bench.runtime.findDone(asked)).toBeNull();
  });

  test('that does not end is ended at the time-out', async () => {
    const slow = createBench({ reloadTimeoutMs: 300 });
    const command = [process.execPath, '-e', 'setInterval(() => {}, 60000)'];
    const target = slow.target([slow.file('a.ini', 'new')], { command });
    await expect(slow.runtime.execute(await slow.request(target), goOn)).rejects.toThrow(
      /did not end within 300 ms.*the reload failed once more/,
    );
    expect(slow.exists('a.ini')).toBe(false);
    slow.tearDown();
  });
});

describe('after a crash', () => {
  test('files that are right, of which nobody was told, are told of once more', async () => {
    const target = bench.target([bench.file('a.ini', 'new')], bench.reloadCommand());
    const asked = await bench.request(target);
    await bench.runtime.execute(asked, goOn);
    bench.write('vigil/run/test/web/config.json', JSON.stringify({ key: KEY, isDone: false }));
    expect(await bench.runtime.findDone(asked)).toBeNull();
    await bench.runtime.execute(asked, goOn);
    expect(bench.reloads()).toBe(2);
    expect(await bench.runtime.findDone(asked)).not.toBeNull();
  });

  test('without a reload the files alone tell that it was done', async () => {
    const asked = await bench.request(bench.target([bench.file('a.ini', 'new')]));
    await bench.runtime.execute(asked, goOn);
    rmSync(bench.path('vigil/run'), { recursive: true });
    expect(await bench.runtime.findDone(asked)).toMatchObject({
      summary: expect.any(String) as string,
    });
  });

  test('files of which half were replaced are finished by the next try', async () => {
    bench.write('a.ini', 'old a');
    bench.write('b.ini', 'old b');
    const asked = await bench.request(
      bench.target([bench.file('a.ini', 'new a'), bench.file('b.ini', 'new b')]),
    );
    bench.write('a.ini', 'new a');
    expect(await bench.runtime.findDone(asked)).toBeNull();
    await bench.runtime.execute(asked, goOn);
    expect([bench.read('a.ini'), bench.read('b.ini')]).toEqual(['new a', 'new b']);
  });
});

describe('restore', () => {
  const undo = `${KEY}/restore`;

  test('puts back contents with their modes, and takes away what was not there', async () => {
    bench.write('a.ini', 'old');
    chmodSync(bench.path('a.ini'), 0o600);
    const config = [bench.file('a.ini', 'new', { mode: '0644' }), bench.file('b.ini', 'new')];
    const asked = await bench.request(bench.target(config, bench.reloadCommand()));
    await bench.runtime.execute(asked, goOn);
    await bench.runtime.restore?.({ ...asked, key: undo }, goOn);
    expect(bench.read('a.ini')).toBe('old');
    expect(statSync(bench.path('a.ini')).mode & 0o777).toBe(0o600);
    expect(bench.exists('b.ini')).toBe(false);
    expect(bench.reloads()).toBe(2);
  });

  test('leaves alone what somebody edited in between', async () => {
    bench.write('a.ini', 'old');
    const asked = await bench.request(bench.target([bench.file('a.ini', 'new')]));
    await bench.runtime.execute(asked, goOn);
    bench.write('a.ini', 'by another hand');
    const attempt = bench.runtime.restore?.({ ...asked, key: undo }, goOn);
    await expect(attempt).rejects.toThrow('target changed');
    expect(bench.read('a.ini')).toBe('by another hand');
  });

  test('a missing backup is named, and nothing is put back', async () => {
    bench.write('a.ini', 'old');
    const asked = await bench.request(bench.target([bench.file('a.ini', 'new')]));
    await bench.runtime.execute(asked, goOn);
    rmSync(bench.path('vigil/backups'), { recursive: true });
    const attempt = bench.runtime.restore?.({ ...asked, key: undo }, goOn);
    await expect(attempt).rejects.toThrow('is missing or damaged');
    expect(bench.read('a.ini')).toBe('new');
  });
});

describe('a reload by signal', () => {
  const script = `process.on('SIGHUP', () => console.log('told')); console.log('ready'); setInterval(() => {}, 60000)`;

  function target(): ReturnType<Bench['target']> {
    return bench.target([], { pidFile: bench.path('pid'), signal: 'SIGHUP' });
  }

  test('reaches the process that wrote the file', async () => {
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text.toString()));
    await waitFor('the handler', () => said.includes('ready'));
    bench.write('pid', `${child.pid ?? 0}\n`);
    const { summary } = await bench.runtime.execute(await bench.request(target(), 'reload'), goOn);
    expect(summary).toBe(`wrote nothing; sent SIGHUP to process ${child.pid ?? 0}`);
    await waitFor('the signal', () => said.includes('told'));

    // The same number, written before this process was there.
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(bench.path('pid'), longAgo, longAgo);
    const late = { ...(await bench.request(target(), 'reload')), key: 'late/0' };
    await expect(bench.runtime.execute(late, goOn)).rejects.toThrow('one that ended before');
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  test.each([
    ['no number', 'web', 'holds no process number'],
    ['the first process', '1', 'holds no process number'],
    ['a process group', '-1', 'holds no process number'],
    ['this process', String(process.pid), 'which Vigil itself runs in'],
    ['its parent', String(process.ppid), 'which Vigil itself runs in'],
    ['a process that is gone', '999999999', 'which does not run'],
  ])('of a file with %s is refused', async (_, content, message) => {
    bench.write('pid', content);
    const asked = await bench.request(target(), 'reload');
    await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(message);
  });
});

test('a reload that the manifest does not describe is refused', async () => {
  const asked = await bench.request(bench.target([]), 'reload');
  await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow('nobody is to be told');
});
