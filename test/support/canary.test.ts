import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Secret, openSecret } from 'keyturn/rotator';
import mariadb from 'keyturn/rotators/mariadb';
import postgres from 'keyturn/rotators/postgres';
import random from 'keyturn/rotators/random';
import redis from 'keyturn/rotators/redis';
import signingKey from 'keyturn/rotators/signing-key';
import { afterEach, describe, expect, test } from 'vitest';
import { contextOf } from '../rotators/postgres/borrowed.js';
import { bundled } from './bundle.js';
import { liftCanary, marker, plantCanary } from './canary.mjs';

afterEach(plantCanary);

const ctx = contextOf('test:/canary', 'r1');

/** How each rotator comes to a value. A new one needs its line here, and in `generators` of canary.mjs. */
const proposals: Readonly<Record<string, () => Promise<Secret>>> = {
  random: async () => (await random.connect({ folder: '/', name: 'app' }).propose(null, ctx)).value!,
  postgres: async () => {
    const connection = postgres.connect(
      postgres.config.parse({
        endpoints: [{ host: '127.0.0.1', port: 1 }],
        database: 'none',
        admin: { username: 'nobody', password: Secret.fromText('not-needed') },
        owner: 'canary_owner',
        logins: ['canary_a', 'canary_b'],
        passwordLength: 64,
      }),
    );
    const { value } = await connection.propose(null, ctx);
    await connection.close();
    return value!;
  },
  mariadb: async () => {
    const admin = { username: 'nobody', password: Secret.fromText('not-needed') };
    const config = mariadb.config.parse({ endpoints: [{ host: '127.0.0.1' }], admin, name: 'app', role: 'app' });
    return (await mariadb.connect(config).propose(null, ctx)).value!;
  },
  redis: async () => {
    const admin = { username: 'nobody', password: Secret.fromText('not-needed') };
    const config = redis.config.parse({ endpoints: [{ host: '127.0.0.1' }], admin, name: 'app', rules: ['+ping'] });
    return (await redis.connect(config).propose(null, ctx)).value!;
  },
  'signing-key': async () => {
    // Without what is the same in each.
    const config = signingKey.config.parse({ folder: '/', name: 'app', prefix: '' });
    return (await signingKey.connect(config).propose(null, ctx)).value!;
  },
};

const textOf = (value: Secret): string => Buffer.from(openSecret(value)).toString();

/** Rotators whose values the provider makes: the scripted provider of the tests gives marked ones. */
const atProviders = ['api-key'];

test('every rotator has its way of generating a value named here', async () => {
  const folders = await readdir(fileURLToPath(new URL('../../rotators', import.meta.url)));

  expect([...Object.keys(proposals), ...atProviders].sort()).toEqual(folders.sort());
});

describe.each(Object.entries(proposals))('a value of the rotator %s', (_, propose) => {
  test('carries the canary at every sixteenth character', async () => {
    const text = textOf(await propose());

    for (let at = 0; at + marker.length <= text.length; at += 16) expect(text.slice(at, at + 8)).toBe(marker);
    expect(text.length).toBeGreaterThanOrEqual(24);
  });

  test('differs from the one before', async () => {
    expect(textOf(await propose())).not.toBe(textOf(await propose()));
  });

  test('is the same shape without the canary', async () => {
    const marked = textOf(await propose());
    liftCanary();
    const unmarked = textOf(await propose());

    expect(unmarked).not.toContain(marker);
    expect(unmarked).toHaveLength(marked.length);
  });
});

test('other random bytes are left alone', () => {
  expect(randomBytes(32).toString('base64url')).not.toContain(marker);
  expect(randomBytes(32)).toHaveLength(32);
});

/** How many marks stand between the parts of a password that a process generates by this module. */
async function partsOf(module: string, ...loaders: readonly string[]): Promise<string> {
  const preload = new URL('./plant-canary-process.mjs', import.meta.url).href;
  const script = `
    const { generatePassword } = await import(${JSON.stringify(module)});
    const value = generatePassword(32)[Symbol.for('keyturn.secret.open')]();
    console.log(Buffer.from(value).toString().split(${JSON.stringify(marker)}).length);`;
  const imports = [...loaders, preload].flatMap((each) => ['--import', each]);
  const { stdout } = await promisify(execFile)(process.execPath, [...imports, '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  return stdout;
}

const password = new URL('../../rotators/postgres/password.ts', import.meta.url);

test('a child process that is started with it carries it too', async () => {
  const loader = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

  expect(await partsOf(password.href, loader)).toBe('3\n');
});

test('also one whose files were put into one', async () => {
  expect(await partsOf(pathToFileURL(await bundled(fileURLToPath(password))).href)).toBe('3\n');
});
