import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { calendar } from '../../src/adapters/cron/calendar.js';
import { exampleConfig } from '../../src/config/example.js';
import { loadConfig } from '../../src/config/load.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const options = {
  workflows: [
    { name: 'staged-rotation', number: 1 },
    { name: 'in-place-rotation', number: 1 },
  ],
  calendar: calendar(),
};

test('README shows the example whole, in under twenty lines', async () => {
  const [readme, example] = await Promise.all([
    readFile(at('README.md'), 'utf8'),
    readFile(at('examples/keyturn.config.ts'), 'utf8'),
  ]);

  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\`\n`);
  expect(example.trimEnd().split('\n').length).toBeLessThan(20);
});

test('the example is a sound configuration', async () => {
  const config = await loadConfig(at('examples/keyturn.config.ts'), options);

  expect(Object.keys(config.environments['prod']!.secrets)).toEqual(['/prod/billing/db']);
});

test.each(['redis', 'mariadb', 'signing-key'])(
  'docs/rotators.md shows the example of %s whole, and it is sound',
  async (name) => {
    const file = at(`examples/${name}.config.ts`);
    const [page, example] = await Promise.all([readFile(at('docs/rotators.md'), 'utf8'), readFile(file, 'utf8')]);

    expect(page).toContain(`\`\`\`ts\n${example}\`\`\`\n`);
    expect(Object.keys((await loadConfig(file, options)).environments)).toEqual(['prod']);
  },
);

test('names with quotes, backslashes and line breaks in them are written as they are', async () => {
  const file = join(await temporaryFolder(), 'keyturn.config.ts');
  const [odd, env] = [`it's "a" \\ $\{x} \``, { from: 'env', name: 'ADMIN_PASSWORD' } as const];
  for (const adminPassword of [env, { from: 'file', name: `./${odd}` } as const]) {
    await writeFile(file, exampleConfig({ keyFile: `${odd}\n.key`, adminName: odd, adminPassword, port: 5432 }));

    const config = await loadConfig(file, options);

    expect(config.keyring).toMatchObject({ file: join(file, '..', `${odd}\n.key`) });
    expect(config.environments['demo']?.secrets['/demo/billing/db']?.config['admin']).toEqual({
      username: odd,
      password: { $ref: `${adminPassword.from}:${adminPassword.name}` },
    });
  }
});

test.each([undefined, "{ grace: '5s' }"])(
  'what init and up write is a sound configuration (policy %s)',
  async (policy) => {
    const file = join(await temporaryFolder(), 'keyturn.config.ts');
    const adminPassword = { from: 'env', name: 'ADMIN_PASSWORD' } as const;
    const written = { keyFile: 'keyturn.key', adminName: 'admin', adminPassword, port: 5432 };
    await writeFile(file, exampleConfig({ ...written, ...(policy === undefined ? {} : { policy }) }));

    const config = await loadConfig(file, options);

    expect(Object.keys(config.environments['demo']!.secrets)).toEqual(['/demo/billing/db']);
  },
);
