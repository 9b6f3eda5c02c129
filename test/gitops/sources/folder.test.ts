import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderSource } from '../../../gitops/sources/folder';
import { EVERYTHING, type Selection } from '../../../gitops/sources/selection';
import type { Source, Watch } from '../../../gitops/sources/source';
import { waitFor } from '../../support/wait';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-folder-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function source(settleMs = 0, now = Date.now, selection = EVERYTHING): Source {
  return createFolderSource({ folder, settleMs, now, selection });
}

function selecting(selection: Partial<Selection>): Source {
  return source(0, Date.now, { ...EVERYTHING, ...selection });
}

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

async function paths(from = source()): Promise<string[]> {
  const read = await from.read();
  if (read.kind !== 'files') throw new Error(JSON.stringify(read));
  return read.files.map(({ path }) => path.slice(folder.length + 1));
}

it('reads YAML and JSON files of all folders below, and nothing that is hidden', async () => {
  for (const path of ['b.yml', 'a/c.yaml', 'd.json', 'README.md', '.git/e.yaml', '.#b.yml'])
    write(path, path);
  expect(await paths()).toEqual(['a/c.yaml', 'b.yml', 'd.json']);
});

it('names files as people would: the folder as configured and the path below it', async () => {
  write('web.yaml', 'text');
  expect(await source().read()).toEqual({
    kind: 'files',
    files: [{ path: join(folder, 'web.yaml'), text: 'text' }],
  });
});

function link(path: string, target: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  symlinkSync(target, join(folder, path));
}

it('reads a folder once, under its own name, whatever links lead to it or in circles', async () => {
  write('real/web.yaml', '');
  link('real/up', folder);
  link('linked', join(folder, 'real'));
  link('other', 'linked');
  expect(await paths()).toEqual(['real/web.yaml']);
});

it('reads through a link what is not read under its own name: hidden, or not included', async () => {
  write('..2026/web.yaml', '');
  link('..data', '..2026');
  link('web.yaml', '..data/web.yaml');
  link('all', '..data');
  link('again', '..data');
  write('real/api.yaml', '');
  link('linked', 'real');
  expect(await paths()).toEqual(['again/web.yaml', 'real/api.yaml', 'web.yaml']);
  const included = { include: ['linked/*.yaml', 'all/web.yaml'] };
  expect(await paths(selecting(included))).toEqual(['all/web.yaml', 'linked/api.yaml']);
  const excluded = { exclude: ['real/**', 'a*', '*.yaml'] };
  expect(await paths(selecting(excluded))).toEqual(['linked/api.yaml']);
});

it('ends in a maze of folders that all link to each other', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `d${i}`);
  for (const name of names) {
    write(`${name}/web.yaml`, '');
    for (const other of names) link(`${name}/${other}`, join(folder, other));
  }
  expect(await paths()).toHaveLength(20);
});

it.each([
  ['its target is missing', 'web.yaml', 'gone/web.yaml'],
  ['its target is below a file', 'web.yaml', 'file.yaml/web.yaml'],
  ['it leads to itself', 'web.yaml', 'web.yaml'],
  ['it may be one of a folder', 'deep/apps', '/nowhere/apps'],
])('refuses a link by name when %s', async (_, path, target) => {
  write('file.yaml', '');
  link(path, target);
  const problem = `${path} is a link to ${target}, which is not there; put it there, remove the link or exclude it`;
  expect(await source().read()).toMatchObject({
    kind: 'refused',
    problems: [`${folder}: ${problem}`],
  });
  expect(await paths(selecting({ exclude: [path] }))).toEqual(['file.yaml']);
  expect(await paths(selecting({ include: ['file.*'] }))).toEqual(['file.yaml']);
});

it('does not mind where links lead that it does not want', async () => {
  write('web.yaml', '');
  link('README.md', 'gone');
  link('notes.txt', '/etc/hostname');
  link('.hidden.yaml', 'gone');
  link('vendor/lib', '/usr');
  link('vendor/lib.yaml', '/etc/hostname');
  expect(await paths(selecting({ exclude: ['vendor/**'] }))).toEqual(['web.yaml']);
  expect(await paths(selecting({ include: ['*.yaml'], exclude: ['vendor/**'] }))).toEqual([
    'web.yaml',
  ]);
  expect(await paths(selecting({ include: ['web.yaml'] }))).toEqual(['web.yaml']);
  expect(await source().read()).toMatchObject({ kind: 'refused' });
});

it('refuses a link that leads out of the folder, to a file or to a folder', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'vigil-outside-'));
  try {
    writeFileSync(join(outside, 'secret.yaml'), 'token: hunter2');
    for (const target of [join(outside, 'secret.yaml'), outside]) {
      symlinkSync(target, join(folder, 'link.yaml'));
      const read = await source().read();
      expect(read).toMatchObject({
        kind: 'refused',
        problems: [
          `${folder}: link.yaml is a link that leads out of the folder; put the file itself there`,
        ],
      });
      rmSync(join(folder, 'link.yaml'));
    }
  } finally {
    rmSync(outside, { recursive: true });
  }
});

it('takes no file that was written a moment ago, and is not held up by one from the future', async () => {
  write('web.yaml', 'half');
  expect(await source(60_000).read()).toEqual({ kind: 'unsettled' });
  const future = Date.now() / 1000 + 3600;
  utimesSync(join(folder, 'web.yaml'), future, future);
  expect(await source(60_000).read()).toMatchObject({ kind: 'files' });
});

it('reads a file anew that has other content, whatever its size and time say', async () => {
  const [path, time] = [join(folder, 'web.yaml'), new Date('2026-05-01')];
  const texts = [];
  const one = source();
  for (const text of ['one', 'two']) {
    write('web.yaml', text);
    utimesSync(path, time, time);
    const read = await one.read();
    texts.push(read.kind === 'files' ? read.files.map((file) => file.text) : read);
  }
  expect(texts).toEqual([['one'], ['two']]);
});

it('tells a missing folder from one whose file vanished', async () => {
  write('web.yaml', '');
  const vanishing = source(0, () => {
    rmSync(join(folder, 'web.yaml'));
    return 0;
  });
  expect(await vanishing.read()).toEqual({ kind: 'unsettled' });
  rmSync(folder, { recursive: true });
  expect(await source().read()).toMatchObject({ kind: 'absent' });
  writeFileSync(folder, 'no folder');
  expect(await source().read()).toMatchObject({ kind: 'absent' });
});

it('notices files that are written, in new folders too', async () => {
  let changes = 0;
  const errors: unknown[] = [];
  const watch: Watch | undefined = source().watch?.(
    () => changes++,
    (error) => errors.push(error),
  );
  try {
    // Writing again and again until it is seen: the watch begins a moment after the call.
    let round = 0;
    await waitFor('a change', () => {
      write('web.yaml', String(round++));
      return changes > 0;
    });
    const before = changes;
    write('deep/er/api.yaml', 'x');
    await waitFor('a change below', () => changes > before);
    expect(errors).toEqual([]);
  } finally {
    await watch?.close();
  }
});

it('notices what Kubernetes does with a ConfigMap: another folder behind the same links', async () => {
  write('..1/web.yaml', 'one');
  link('..data', '..1');
  link('web.yaml', '..data/web.yaml');
  let changes = 0;
  const watch = source().watch?.(
    () => changes++,
    () => undefined,
  );
  try {
    let round = 1;
    await waitFor('a change', () => {
      const name = `..${++round}`;
      write(`${name}/web.yaml`, name);
      link('..next', name);
      renameSync(join(folder, '..next'), join(folder, '..data'));
      return changes > 0;
    });
  } finally {
    await watch?.close();
  }
});

it('watches nothing that links lead to outside of the folder', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'vigil-outside-'));
  link('out', outside);
  let changes = 0;
  const watch = source().watch?.(
    () => changes++,
    () => undefined,
  );
  try {
    let round = 0;
    await waitFor('a change', () => {
      write('deep/er/web.yaml', String(round++));
      return changes > 0 && isWatched(join(folder, 'deep/er'));
    });
    expect(isWatched(folder)).toBe(true);
    expect(isWatched(outside)).toBe(false);
  } finally {
    await watch?.close();
    rmSync(outside, { recursive: true });
  }
});

/** Whether this process is told by the kernel of what happens in a folder. */
function isWatched(path: string): boolean {
  const inode = ` ino:${statSync(path).ino.toString(16)} `;
  return readdirSync('/proc/self/fdinfo').some((descriptor) => {
    const file = join('/proc/self/fdinfo', descriptor);
    return existsSync(file) && readFileSync(file, 'utf8').includes(inode);
  });
}
