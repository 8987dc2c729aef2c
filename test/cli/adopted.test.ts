import { expect, test } from 'vitest';
import { keyturn } from './keyturn.js';
import { workspace } from './workspace.js';

test('doctor names a credential from outside that nobody has said may be destroyed', async () => {
  const place = await workspace();
  const stdin = JSON.stringify({ username: place.roles.logins[0], password: 'a-value-made-by-hand-of-some-length' });
  const put = ['store', 'put', '/demo/billing/db', '--env', 'demo', '--current'];
  expect((await keyturn(put, { ...place.options, stdin })).code).toBe(0);

  const examined = await place.run('doctor');

  expect(examined.stdout).toMatch(
    /version 1 came from outside, and nobody has said that it may be destroyed .*\n +Set `adopted: true` at the secret \/demo\/billing\/db\./,
  );
  expect(examined.code).toBe(1);
});
