import { expect, test } from 'vitest';
import { storePlace } from './store-place.js';

const name = '/demo/app/key';
const first = 'first-rB5nXk8WqLz2VmTy7HcJd';

test('a rollback puts the value of an earlier version as the newest, with its description', async () => {
  const place = await storePlace();
  await place.put(name, first, '--description', 'the first');
  await place.put(name, 'second-of-the-values', '--overwrite', '--description', 'the second');

  const answer = await place.store('rollback', name, '--to', '1');
  await place.store('get', name, '--out', 'newest');
  const history = await place.store('history', name, '--json');

  expect(answer).toEqual({
    code: 0,
    stderr: '',
    stdout: 'Version 3 of demo:/demo/app/key has the value of version 1.\n',
  });
  expect(await place.text('newest')).toBe(first);
  const { versions } = JSON.parse(history.stdout) as { readonly versions: readonly object[] };
  expect(versions).toMatchObject([{ version: 1 }, { version: 2 }, { version: 3, description: 'the first' }]);
  expect((await place.accesses()).at(2)).toMatchObject({ action: 'store rollback', version: 3, outcome: 'done' });
  expect(await place.leaksOf(first)).toEqual([]);
});

test('a rollback to the newest version, or one that is not kept, is refused', async () => {
  const place = await storePlace();
  await place.put(name, first);

  expect((await place.store('rollback', name, '--to', '1')).stderr).toMatch(
    /^USAGE: version 1 of .* is the newest already/,
  );
  expect((await place.store('rollback', name, '--to', '2')).stderr).toMatch(/^UNKNOWN_VERSION/);
  expect((await place.store('rollback', name, '--to', 'one')).stderr).toMatch(/^USAGE: --to expects a number/);
  expect((await place.store('rollback', '/demo/none', '--to', '1')).stderr).toMatch(/^UNKNOWN_PARAMETER/);
  expect(await place.ask('SELECT version FROM keyturn.versions')).toEqual([{ version: 1 }]);
});

test('of a secret under management it is refused with the command that turns its rotation back', async () => {
  const place = await storePlace();
  const back = () => place.store('rollback', '/demo/billing/db', '--to', '1');

  const none = await back();
  const asked = await place.run('rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test', '--json');
  const open = await back();

  expect(none.stderr).toMatch(
    /^PARAMETER_REFUSED: .*may be dead\. No rotation of it is open .*: keyturn rotate \/demo\/billing\/db --env demo/,
  );
  const { rotationId } = JSON.parse(asked.stdout) as { readonly rotationId: string };
  expect(open.stderr).toContain(`may be dead. Turn its rotation back: keyturn rollback ${rotationId}\n`);
  expect(open.code).toBe(2);
});
