import { expect, test } from 'vitest';
import { Executor, planFor } from '../../src/testing/journal-harness.js';
import { freshState, harnessOf } from '../adapters/postgres/state.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const credential = JSON.stringify({ username: 'by_hand', password: 'a-value-made-by-hand-of-some-length' });

test('cancel and rollback after destroy is decided are refused with the reason', async () => {
  const state = await freshState();
  const executor = await Executor.start(harnessOf(state), planFor('late'));
  await executor.commit([{ kind: 'DestroyDecided' }]);
  const options = { cwd: await temporaryFolder(), env: { KEYTURN_DATABASE_URL: state.url } };

  const answers = [await keyturn(['cancel', 'late-1'], options), await keyturn(['rollback', 'late-1'], options)];

  for (const answer of answers) {
    expect(answer.stderr).toMatch(/^DECIDED_DESTROY: rotation late-1 has decided to destroy .*\n$/);
    expect(answer.code).toBe(1);
  }
  const { rows } = await state.admin.query('SELECT FROM keyturn.commands');
  expect(rows).toEqual([]);
});

test('the first version comes from standard input, once, and a bad one is refused unread', async () => {
  const place = await workspace();
  const put = ['store', 'put', '/demo/billing/db', '--env', 'demo', '--current'] as const;

  const bad = await keyturn(put, { ...place.options, stdin: 'hunter2-hunter2-hunter2' });
  const good = await keyturn(put, { ...place.options, stdin: credential });
  const again = await keyturn(put, { ...place.options, stdin: credential });

  expect(bad.stderr).toMatch(/^USAGE: what was given is not a JSON object with the texts "\w+" and "password"\. .*\n$/);
  expect(good).toMatchObject({ code: 0, stdout: 'Version 1 of demo:/demo/billing/db is stored and current.\n' });
  expect(again.stderr).toBe(
    'VERSION_EXISTS: /demo/billing/db has a version already: 1 is current. Rotate it instead. ' +
      'Where its credential is refused, run: keyturn rotate /demo/billing/db --env demo --repair --reason "…"\n',
  );
  expect([bad, good, again].map(({ stdout, stderr }) => stdout + stderr).join('')).not.toMatch(/hunter2|made-by-hand/);
  expect(await place.ask('SELECT version FROM keyturn.versions')).toEqual([{ version: 1 }]);
});

test('a secret is held and released, and status shows it', async () => {
  const place = await workspace();
  const unexplained = await place.run('hold', '/demo/billing/db', '--env', 'demo');
  const held = await place.run('hold', '/demo/billing/db', '--env', 'demo', '--reason', 'an audit', '--json');
  const shown = await place.run('status', '--json');
  const released = await place.run('hold', '/demo/billing/db', '--env', 'demo', '--release');

  expect(unexplained.stderr).toMatch(/^USAGE: a hold needs --reason/);
  expect(JSON.parse(held.stdout)).toMatchObject({ secret: 'demo:/demo/billing/db', held: true, kind: 'held' });
  expect(JSON.parse(shown.stdout)).toMatchObject([{ held: true, heldBecause: 'an audit' }]);
  expect(released.code).toBe(0);
});
