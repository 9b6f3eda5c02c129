import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { register as registerDrift } from '../../../cli/commands/drift';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { createGitRound, serviceYaml, servicesYaml, type GitRound } from '../../support/git-round';
import { runCli } from '../support';

const PAGE = readFileSync(join(__dirname, '../../../docs/revisions.md'), 'utf8');

let database: TestDatabase;
let api: TestApi;
let url: string;
let git: GitRound;

beforeEach(async () => {
  process.env['VIGIL_ACTOR'] = 'ann';
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  git = createGitRound(database.pool);
  await git.push(servicesYaml(['web', 'db']), 'two services');
  await git.push({ 'web.yaml': serviceYaml('web', '2') }, 'web: version 2');
});
afterEach(async () => {
  delete process.env['VIGIL_ACTOR'];
  git.remove();
  await api.close();
  await database.drop();
});

/** The commands of a story in the page, each with the lines that it prints. */
function storyOf(name: string): { command: string; lines: string[] }[] {
  const [, text = ''] =
    new RegExp(`<!-- story: ${name} -->\n+\`\`\`console\n(.*?)\n\`\`\``, 's').exec(PAGE) ?? [];
  return text
    .split(/^\$ vigil /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      return { command, lines };
    });
}

/** Times, commits and checksums are of the day. */
const masked = (line: string): string =>
  line
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '2026-05-01 12:00:00')
    .replace(/\b[0-9a-f]{8}\b/g, 'xxxxxxxx');

function wordsOf(command: string, checksum: string): string[] {
  const words = command.match(/'[^']*'|\S+/g) ?? [];
  return words.map((word, i) =>
    words[i - 1] === '--checksum' ? checksum : word.replaceAll("'", ''),
  );
}

async function heldChecksum(): Promise<string> {
  const sql = 'select held_checksum as sum from sources where held_checksum is not null';
  const { rows } = await database.pool.query<{ sum: string }>(sql);
  return rows[0]?.sum.slice(0, 8) ?? '';
}

test.each([
  ['history', {}],
  ['guard', { 'web.yaml': null, 'db.yaml': null }],
  ['rollback', {}],
])('the page shows what the commands print: %s', async (name, files) => {
  if (Object.keys(files).length > 0) await git.push(files);
  const story = storyOf(name);
  expect(story.length).toBeGreaterThan(1);
  for (const { command, lines } of story) {
    const words = wordsOf(command, await heldChecksum());
    const { out, error } = await runCli(registerDrift, [...words, '--api', url]);
    expect(error).toBeNull();
    expect(out.trimEnd().split('\n').map(masked)).toEqual(lines.map(masked));
  }
});

test('every command of the page is there', async () => {
  const named = [...PAGE.matchAll(/`\.\/vigil drift ([a-z-]+)/g)].map(([, command]) => command);
  expect(new Set(named).size).toBe(7);
  for (const command of new Set(named)) {
    const { out } = await runCli(registerDrift, ['drift', String(command), '--help']);
    expect(out).toContain(`Usage: vigil drift ${String(command)}`);
  }
});
