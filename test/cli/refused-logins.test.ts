import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { openSecret } from 'keyturn/rotator';
import { expect, test } from 'vitest';
import { borrowTarget, describeWithProgram } from '../rotators/redis/borrowed.js';
import { eventually } from '../support/eventually.js';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const webAddress = '127.0.0.9';

/** Says a word to a server of Redis from an address of this machine. *Returns* the first line that it answers. */
async function sayFrom(port: number, from: string, ...words: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  socket.write(`${words.join(' ')}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString().split('\r\n')[0] ?? '';
}

/** A workspace with an account of Redis that was made once, and a consumer that logs in from one address. */
async function redisPlace() {
  const { configure, port, person } = await borrowTarget();
  // Or only 127.0.0.1 is let in to a server whose default account has no password.
  await person.config('SET', 'protected-mode', 'no');
  const { admin, rules } = configure();
  const place = await workspace();
  await writeFile(
    join(place.folder, 'keyturn.config.ts'),
    `import { defineConfig, env } from 'keyturn';
import rotator from 'keyturn/rotators/redis';
const admin = { username: '${admin.username}', password: env('TARGET_ADMIN_PASSWORD') };
const cache = { rotator, config: { endpoints: [{ host: '127.0.0.1', port: ${port} }], admin } };
const app = {
  target: 'cache',
  config: { name: 'app', rules: ${JSON.stringify(rules)} },
  policy: { grace: '0s', quiet: '0s', watch: '6s', poll: '100ms' },
  consumers: [{ name: 'web', required: false, sources: ['${webAddress}'] }],
};
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { demo: { targets: { cache }, secrets: { '/demo/app': app } } } });
`,
  );
  const env = { ...place.options.env, TARGET_ADMIN_PASSWORD: Buffer.from(openSecret(admin.password)).toString() };
  const options = { ...place.options, env };
  const run = (...args: readonly string[]) => keyturn(args, options);
  const rotate = async (...flags: readonly string[]) =>
    run('rotate', '/demo/app', '--env', 'demo', '--reason', 'a test', ...flags);
  await startKeyturn(['worker', '--health-port', 'off'], options, /^Working/);
  expect(await rotate('--wait')).toMatchObject({ code: 0 });
  const [row] = await place.ask('SELECT rotation_id AS id FROM keyturn.rotations');
  const old = `app-${String(row?.['id'])}`;
  return {
    ...{ place, run, port, old, rotate },
    accounts: async () => (await person.call('ACL', 'USERS')) as readonly string[],
    /** What an application is told that logs in with the old account, and whether that may. */
    isOn: async () => String(await person.call('ACL', 'GETUSER', old)).startsWith('flags,on'),
    untilOff: async () =>
      eventually('the old one is off', async () => {
        const rows = await place.ask(
          "SELECT FROM keyturn.journal WHERE kind = 'StepDone' AND event ->> 'step' = 'disable' AND event -> 'output' ->> 'skipped' IS NULL",
        );
        return rows.length > 0;
      }),
  };
}

describeWithProgram('who tries the old account of Redis while it is off', () => {
  test('has it on again where a consumer logs in from there, and a person is asked', async () => {
    const { run, place, port, old, rotate, untilOff, isOn, accounts } = await redisPlace();
    const rotation = (await rotate()).stdout.split('\n')[0] ?? '';
    await untilOff();
    expect(await sayFrom(port, '127.0.0.8', 'AUTH', old, 'not-it')).toMatch(/^-WRONGPASS/);
    expect(await sayFrom(port, webAddress, 'AUTH', old, 'not-it')).toMatch(/^-WRONGPASS/);

    await eventually('it parks', async () => {
      const [row] = await place.ask(`SELECT status FROM keyturn.rotations WHERE rotation_id = '${rotation}'`);
      return row?.['status'] === 'parked';
    });
    expect(await isOn()).toBe(true);
    const status = (await run('status', rotation)).stdout;
    expect(status).toContain('OLD_STILL_NEEDED');
    expect(status).toContain(`a login with it was refused from ${webAddress}`);
    expect(await run('resume', rotation, '--wait')).toMatchObject({ code: 0 });
    expect(await accounts()).not.toContain(old);
  }, 120_000);

  test('gets nothing by it where strangers have it, and everybody is told that they do', async () => {
    const { run, place, port, old, rotate, untilOff } = await redisPlace();
    expect((await run('rotate', '/demo/app', '--env', 'demo', '--exposed', '--reason', ' ')).code).toBe(2);
    const rotation = (await rotate('--exposed')).stdout.split('\n')[0] ?? '';
    await untilOff();
    expect(await sayFrom(port, webAddress, 'AUTH', old, 'not-it')).toMatch(/^-WRONGPASS/);

    expect(await run('follow', rotation)).toMatchObject({ code: 0 });
    const kinds = await place.ask(
      `SELECT kind FROM keyturn.journal WHERE rotation_id = '${rotation}' AND (kind LIKE 'Undo%' OR kind LIKE 'TakeBack%')`,
    );
    expect(kinds).toEqual([]);
    expect((await run('history', rotation)).stdout).toMatch(/requested by local:\S+, for what is exposed: a test/);
    expect(await place.ask("SELECT reason FROM keyturn.audit WHERE action = 'secret.exposed'")).toEqual([
      { reason: 'a test' },
    ]);
  }, 120_000);
});
