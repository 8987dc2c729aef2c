import { randomBytes } from 'node:crypto';
import { Secret, openSecret } from 'keyturn/rotator';
import { unleash } from 'keyturn/rotators/api-key';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTestPostgres } from '../support/test-server.js';
import { newDatabase, rotateOnce } from './installation.js';
import { missing, startUnleash } from './programs.js';

const why = missing('unleash-server');

describe.skipIf(why !== undefined)(`Unleash${why === undefined ? '' : ` (${why})`}`, () => {
  it('has a token rotated by configuration alone, and refuses the old one in the end', async () => {
    const server = await startTestPostgres(18);
    onTestFinished(() => server.stop());
    const admin = `*:*.${randomBytes(24).toString('hex')}`;
    const flags = await startUnleash(await newDatabase(server, 'unleash'), admin);
    onTestFinished(() => flags.stop());
    const asAdmin = async (path: string, init: RequestInit = {}): Promise<unknown> => {
      const headers = { authorization: admin, 'content-type': 'application/json' };
      return (await fetch(`${flags.url}${path}`, { ...init, headers })).json();
    };
    const login = async (token: string): Promise<number> =>
      (await fetch(`${flags.url}/api/client/features`, { headers: { authorization: token } })).status;
    const made = (await asAdmin('/api/admin/api-tokens', {
      method: 'POST',
      body: JSON.stringify({ tokenName: 'by hand', type: 'backend', environment: 'development', projects: ['*'] }),
    })) as { readonly tokenName: string; readonly secret: string };
    expect(await login(made.secret)).toBe(200);

    const { status, code, current } = await rotateOnce(server, {
      config: { ...unleash({ baseUrl: flags.url, token: { $ref: 'env:UNLEASH_ADMIN' } }), principal: 'billing' },
      variables: { UNLEASH_ADMIN: admin },
      first: { identity: made.tokenName, value: Secret.fromText(made.secret) },
    });

    expect([status, code]).toEqual(['completed', null]);
    expect(await login(made.secret)).toBe(401);
    expect(await login(Buffer.from(openSecret(current.value)).toString())).toBe(200);
    const { tokens } = (await asAdmin('/api/admin/api-tokens')) as {
      readonly tokens: readonly { readonly tokenName: string; readonly type: string }[];
    };
    const names = tokens.filter(({ type }) => type !== 'admin').map(({ tokenName }) => tokenName);
    expect(names).toEqual([current.identity]);
  });
});
