import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contentOf } from '../../src/agent/file-content.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { credentialText } from './readings.js';

test('the document is written as it is stored, to the byte', () => {
  const text = '{ "password":"é" }\n';

  expect(contentOf({ kind: 'json' }, text)).toEqual(Buffer.from(text));
});

test('a field is written without a line break, and one that is missing or no text is refused by name', () => {
  const of = (field: string) => contentOf({ kind: 'value', field }, '{"password":"x y","port":5432}');

  expect(of('password')).toEqual(Buffer.from('x y'));
  expect(of('port')).toBe('it has no field port that is a text');
  expect(of('token')).toBe('it has no field token that is a text');
  expect(contentOf({ kind: 'value', field: 'a' }, 'no document')).toBe('it has no field a that is a text');
});

test('a shell reads back every variable as it was', async () => {
  const folder = await temporaryFolder();
  const variables = {
    PLAIN: 'aB9_./:@%+,=-',
    EMPTY: '',
    JSON: credentialText('billing'),
    BLANKS: ' a  b ',
    QUOTES: `it's "so"`,
    SHELL: '$HOME `id` \\ $(id) ! # ~ * ; & | > <',
    ALL: `'"$\`\\n!`,
    LINES: 'one\ntwo',
    ACCENTS: 'é 漢',
  };

  const content = contentOf({ kind: 'env', variablesOf: () => variables }, 'x');

  expect(String(content)).toMatch(/^PLAIN=aB9_\.\/:@%\+,=-\nEMPTY=\n/);
  await writeFile(join(folder, 'env'), content);
  for (const [name, value] of Object.entries(variables)) {
    const read = execFileSync('sh', ['-c', `. ./env; printf %s "$${name}"`], { cwd: folder, encoding: 'utf8' });
    expect(read).toBe(value);
  }
});

test('variables that cannot be named are refused', () => {
  const content = contentOf(
    { kind: 'env', variablesOf: () => ['/a would be PATH, which is reserved', 'and more'] },
    'x',
  );

  expect(content).toBe('/a would be PATH, which is reserved; and more');
});
