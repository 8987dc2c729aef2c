import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keyturn, keyturnProcess } from './keyturn.js';
import { workspace } from './workspace.js';

test.each([
  ['a rejection that nobody awaits', "void Promise.reject(new RangeError('hunter2'));"],
  ['a timer that throws', "setTimeout(() => { throw new RangeError('hunter2'); }, 0);"],
])('%s in a configuration is told in one line without its text', async (_, text) => {
  const place = await workspace();
  await appendFile(join(place.folder, 'keyturn.config.ts'), `\n${text}\n`);

  const quiet = await keyturnProcess(['doctor'], place.options);
  const verbose = await keyturnProcess(['doctor', '--verbose'], place.options);

  expect(quiet.stderr).toBe(
    'UNEXPECTED: the command broke off (RangeError). Run it again with --verbose and report it.\n',
  );
  expect(quiet.stdout).not.toContain('hunter2');
  expect(quiet.code).toBe(1);
  expect(verbose.stderr).toContain('hunter2');
});

test('what cannot be a limit, and a command of a group, are told with their own help', async () => {
  const place = await workspace();
  const told = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await keyturn(args, place.options);
    return `${code} ${stderr}`;
  };

  for (const limit of ['99999999999999999999', '1e3', '0', '']) {
    expect(await told('history', '--limit', limit)).toBe(
      '2 USAGE: --limit expects a number from 1 to 100000. See `keyturn history --help`.\n',
    );
  }
  expect(await told('store', 'put', '/demo/billing/db', '--current')).toMatch(
    /^2 USAGE: .*See `keyturn store put --help`/,
  );
  expect(await told('store', 'frobnicate')).toMatch(/^2 USAGE: .*See `keyturn store --help`/);
});
