import { Secret, openSecret } from 'keyturn/rotator';
import { verdaccio } from 'keyturn/rotators/api-key';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTestPostgres } from '../support/test-server.js';
import { rotateOnce } from './installation.js';
import { missing, startVerdaccio } from './programs.js';

const why = missing('verdaccio');
const whyOld = missing('verdaccio-6-2');
const account = { username: 'billing', password: 'only-for-this-test-0001' };

/** Who the registry says this token is; undefined: nobody. */
async function whoIs(url: string, token: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/-/whoami`, { headers: { authorization: `Bearer ${token}` } });
  return ((await answer.json()) as { readonly username?: string }).username;
}

async function asAccount(url: string, path: string, init: RequestInit = {}): Promise<unknown> {
  const basic = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/json' };
  return (await fetch(`${url}${path}`, { ...init, headers })).json();
}

/** How it went, and who is let in with the old and the new token after it. */
async function rotated(name: 'verdaccio' | 'verdaccio-6-2') {
  const registry = await startVerdaccio(name);
  onTestFinished(() => registry.stop());
  const server = await startTestPostgres(18);
  onTestFinished(() => server.stop());
  const { url } = registry;
  const { username, password } = account;
  await asAccount(url, `/-/user/org.couchdb.user:${username}`, {
    method: 'PUT',
    body: JSON.stringify({ name: username, password }),
  });
  const made = (await asAccount(url, '/-/npm/v1/tokens', {
    method: 'POST',
    body: JSON.stringify({ password, readonly: false, cidr_whitelist: [] }),
  })) as { readonly key: string; readonly token: string };
  const { status, code, current } = await rotateOnce(server, {
    config: verdaccio({ baseUrl: url, username, password: { $ref: 'env:REGISTRY_PASSWORD' } }),
    variables: { REGISTRY_PASSWORD: password },
    first: { identity: made.key, value: Secret.fromText(made.token) },
  });
  const { objects } = (await asAccount(url, '/-/npm/v1/tokens')) as { readonly objects: readonly { key: string }[] };
  return {
    ended: [status, code],
    isListed: objects.length === 1 && objects[0]?.key === current.identity,
    fresh: await whoIs(url, Buffer.from(openSecret(current.value)).toString()),
    old: await whoIs(url, made.token),
  };
}

const told = (why: string | undefined): string => (why === undefined ? '' : ` (${why})`);

describe.skipIf(why !== undefined)(`Verdaccio${told(why)}`, () => {
  it('has a token rotated on an account of its own, and refuses the old one', async () => {
    expect(await rotated('verdaccio')).toEqual({
      ended: ['completed', null],
      isListed: true,
      fresh: account.username,
      old: undefined,
    });
  });
});

describe.skipIf(whyOld !== undefined)(`Verdaccio 6.2${told(whyOld)}`, () => {
  // It deletes a token and goes on accepting it: the fixture of a provider that lies about destroy.
  it('says that the old token is gone and accepts it, so the rotation is parked and never completed', async () => {
    expect(await rotated('verdaccio-6-2')).toEqual({
      ended: ['parked', 'OLD_STILL_ALIVE'],
      isListed: true,
      fresh: account.username,
      old: account.username,
    });
  });
});
