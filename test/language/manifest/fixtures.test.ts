import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifests } from '../../../language/manifest/compile';
import { CATALOGUE } from '../../support/catalogue';

const FOLDER = join(__dirname, 'fixtures');
const EXPECT = /^# expect: (.*)$/gm;

/** Each file is named after its mistake and begins with `# expect: line:col: message` for every problem
 * (`line:col: warning: message` for what is only warned of). */
test.each(readdirSync(FOLDER))('%s is refused with every problem where it stands', (file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  const expected = [...text.matchAll(EXPECT)].map(([, problem]) => problem);
  const { problems } = parseManifests(text, { file, catalogue: CATALOGUE });
  const found = problems.map(({ line, column, message, severity }) => {
    const kind = severity === 'warning' ? 'warning: ' : '';
    return `${line}:${column}: ${kind}${message}`;
  });
  expect(found).toEqual(expected);
  expect(found).not.toEqual([]);
});
