import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret, openSecret } from '../../../src/core/secret.js';
import { aContext, connected, open, thrownBy, writePlugin } from './plugin.js';

const value = 'kt-canary-value-of-the-credential';
const credential = { identity: 'acme-1', value: Secret.fromText(value) };
const textIn = (secret: Secret | undefined): string =>
  secret === undefined ? '' : new TextDecoder().decode(openSecret(secret));

/** How a rotator without an import opens a secret, and gives an error of the catalogue. */
const own = `
const textOf = (secret) => new TextDecoder().decode(secret[Symbol.for('keyturn.secret.open')]());
const secretOf = (text) => ({ [Symbol.for('keyturn.secret.open')]: () => new TextEncoder().encode(text) });
const keyturnError = (code, facts) => Object.assign(new Error(code), { [Symbol.for('keyturn.error')]: true, code, facts });
`;

describe('a rotator in a process of its own', () => {
  test('is loaded there with an empty environment in an empty folder, and not in the worker', async () => {
    const top = `
      import { readdirSync, writeFileSync } from 'node:fs';
      const seen = { pid: process.pid, env: { ...process.env }, cwd: process.cwd(), files: readdirSync('.'), argv: process.argv.slice(2) };
      globalThis.planted = true;
      process.env.PLANTED = 'yes';
      writeFileSync('trace', 'I was here');`;
    const { connection } = await connected(
      { top, members: '() => ({ identify: async () => ({ system: JSON.stringify(seen) }) })' },
      { variables: { ADMIN_PASSWORD: value } },
    );

    const { system } = await connection.identify(aContext());

    const seen = JSON.parse(system) as { readonly pid: number; readonly cwd: string };
    expect(seen).toMatchObject({ env: {}, files: [], argv: [] });
    expect(seen.pid).not.toBe(process.pid);
    expect(globalThis).not.toHaveProperty('planted');
    expect(process.env).not.toHaveProperty('PLANTED');
    expect(readFileSync(join(seen.cwd, 'trace'), 'utf8')).toBe('I was here');
    await connection.close();
    expect(existsSync(seen.cwd)).toBe(false);
    expect(() => process.kill(seen.pid, 0)).toThrow('ESRCH');
  });

  test('is given the variables that are named, and no others', async () => {
    const { connection } = await connected(
      {
        members: '() => ({ identify: async () => ({ system: JSON.stringify(process.env) }) })',
        allowance: { variables: ['TZ', 'HTTPS_PROXY'] },
      },
      { variables: { TZ: 'UTC', ADMIN_PASSWORD: value } },
    );

    const { system } = await connection.identify(aContext());

    expect(JSON.parse(system)).toEqual({ TZ: 'UTC' });
  });

  test('is given secrets and gives them, and sees the context of the call', async () => {
    const { connection } = await connected(
      {
        top: own,
        members: `({ admin }) => ({
          create: async ({ identity, value }, ctx) => {
            ctx.log.warn({ step: ctx.step }, 'creating');
            return { identity: [identity, textOf(value), textOf(admin.password), ctx.rotationId, ctx.fence.epoch, ctx.databaseTimeMs].join(), value: secretOf('made by the provider') };
          },
        })`,
      },
      { config: { admin: { password: Secret.fromText('of the admin') } } },
    );
    const lines: string[] = [];

    const made = await connection.create(credential, aContext({}, lines));

    expect(made.identity).toBe(`acme-1,${value},of the admin,r1,1,7`);
    expect(textIn(made.value)).toBe('made by the provider');
    expect(lines).toEqual(['warn creating {"step":"create"}']);
  });

  test('says what it is, and of each of its settings, without having been loaded here', async () => {
    const schema = `{ safeParse: (data) => data.name === 'bad' ? { success: false, error: { issues: [{ path: ['name'], message: 'must be good' }] } } : { success: true, data } }`;
    const good = { name: 'good', password: Secret.fromText('stands for one') };
    const rotator = await open(await writePlugin({ schema }), { configs: [good, { name: 'bad' }] });

    expect(rotator).toMatchObject({ name: 'acme', contract: 1, credential: { identity: 'id', value: 'token' } });
    expect(rotator.principal({ ...good, password: Secret.fromText('another') })).toBe('principal good');
    expect(rotator.capabilities(good)).toMatchObject({ overlap: 'two-live' });
    expect(rotator.config.safeParse({ name: 'bad' }).error?.issues).toMatchObject([
      { path: ['name'], message: 'must be good' },
    ]);
    expect(rotator.config.safeParse({ name: 'never shown' }).success).toBe(true);
  });

  test('refuses settings it was not shown at start when it is opened with them', async () => {
    const schema = `{ safeParse: () => ({ success: false, error: { issues: [{ path: ['name'], message: 'no' }] } }) }`;
    const { connection } = await connected({ schema });

    expect(await thrownBy(connection.identify(aContext()))).toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { file: 'snapshot of test:/acme', problems: 'name' },
    });
  });

  test('has one process for each rotation', async () => {
    const { connection } = await connected({
      members: '() => ({ identify: async () => ({ system: String(process.pid) }) })',
    });
    const pidOf = async (rotationId: string) => (await connection.identify(aContext({ rotationId }))).system;

    const [first, again, other] = [await pidOf('r1'), await pidOf('r1'), await pidOf('r2')];

    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe('what a rotator throws crosses', () => {
  const throwing = (error: string, classify?: string) =>
    connected({
      top: own,
      members: `() => ({ create: async () => { throw ${error}; } })`,
      ...(classify === undefined ? {} : { classify }),
    });

  test('as code and facts where the catalogue knows it', async () => {
    const { connection } = await throwing("keyturnError('PRINCIPAL_IN_USE', { principal: 'app', cure: 'drop it' })");

    expect(await thrownBy(connection.create(credential, aContext()))).toMatchObject({
      code: 'PRINCIPAL_IN_USE',
      facts: { principal: 'app', cure: 'drop it' },
    });
  });

  test('as an unknown error where it is a code of another version', async () => {
    const { connection, rotator } = await throwing("keyturnError('OF_TOMORROW', {})");

    const error = await thrownBy(connection.create(credential, aContext()));

    expect(error).toMatchObject({ name: 'OF_TOMORROW' });
    expect(rotator.classify(error)).toBe('unknown');
  });

  test('with its name, and sorted where it was thrown', async () => {
    const { connection, rotator } = await throwing(
      "Object.assign(new RangeError('too many'), { status: 429 })",
      "(error) => error.status === 429 ? 'transient' : 'unknown'",
    );

    const error = await thrownBy(connection.create(credential, aContext()));

    expect(error).toMatchObject({ name: 'RangeError', message: 'too many' });
    expect(rotator.classify(error)).toBe('transient');
  });
});
