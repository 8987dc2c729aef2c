import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

test('holding or putting a secret leaves those alone that its configuration does not name', async () => {
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const text = await readFile(file, 'utf8');
  const schedule = "schedule: { cron: '0 3 * * *', timezone: 'UTC' },";
  const other = text.replace("'/demo/billing/db': {", `'/demo/other/db': { ${schedule}`);
  const both = (third: string): string => `${text.slice(0, text.indexOf('export default'))}
    const named = (owner) => ({ target: 'billing', config: { owner, logins: [owner + '_1', owner + '_2'] } });
    export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { demo: { targets: { billing },
      secrets: { '/demo/billing/db': named('one'), '${third}': named('two') } } } });`;
  await writeFile(file, other);
  const worker = await startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);
  await worker.stop();
  const seen = `SELECT declared, cron, next_due_at FROM keyturn.secrets WHERE path = '/demo/other/db'`;
  const before = await place.ask(seen);

  await writeFile(file, both('/demo/third/db'));
  const held = await place.run('hold', '/demo/billing/db', '--env', 'demo', '--reason', 'an audit');
  const put = await keyturn(['store', 'put', '/demo/third/db', '--env', 'demo', '--current'], {
    ...place.options,
    stdin: JSON.stringify({ username: 'by_hand', password: 'a-value-made-by-hand-of-some-length' }),
  });

  expect([held.code, put.code]).toEqual([0, 0]);
  expect(before).toMatchObject([{ declared: true, cron: '0 3 * * *' }]);
  expect(await place.ask(seen)).toEqual(before);
  expect(await place.ask('SELECT path FROM keyturn.secrets ORDER BY path')).toEqual([
    { path: '/demo/billing/db' },
    { path: '/demo/other/db' },
    { path: '/demo/third/db' },
  ]);
});
