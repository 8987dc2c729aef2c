import { Secret } from 'keyturn/rotator';
import pg from 'pg';
import { expect, test } from 'vitest';
import { together } from '../../../rotators/postgres/live-sessions.js';
import { scramVerifier } from '../../../rotators/postgres/scram.js';
import { eventually } from '../../support/eventually.js';
import { withPostgres } from '../../support/postgres.js';
import { borrowTarget } from './borrowed.js';

const none = { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null } as const;
const old = { kind: 'known', sessions: 2, youngestAgeMs: 60_000, oldestAgeMs: 90_000 } as const;
const fresh = { kind: 'known', sessions: 1, youngestAgeMs: 500, oldestAgeMs: 500 } as const;

test('a fresh session at one endpoint is not hidden by old ones at another', () => {
  const both = { kind: 'known', sessions: 3, youngestAgeMs: 500, oldestAgeMs: 90_000 };
  expect(together([old, fresh])).toEqual(both);
  expect(together([fresh, none, old])).toEqual(both);
});

test('no sessions anywhere are zeros, without an age', () => {
  expect(together([none, none])).toEqual(none);
});

test('one endpoint that cannot tell makes it unknown', () => {
  const unknown = { kind: 'unknown', reason: 'it could not be asked' } as const;
  expect(together([none, unknown])).toEqual(unknown);
});

test('sessions are ended until a server that hears of it later refuses the login as well', async () => {
  const { open, config, ctx, sql, name, logins } = await borrowTarget({ major: 18, admin: 'superuser' });
  const [login] = logins;
  // It stands for a standby that lags: what is changed at the first endpoint it knows when the test tells it.
  await withPostgres({ major: 18 }, async (lagging) => {
    const client = new pg.Client(lagging.url());
    await client.connect();
    const verifier = await scramVerifier(Secret.fromText(name), 4096);
    const createAdmin = `CREATE ROLE ${name}_both SUPERUSER LOGIN PASSWORD '${verifier}'`;
    await sql(createAdmin);
    await client.query(createAdmin);
    await client.query(`CREATE ROLE ${login} LOGIN PASSWORD '${verifier}'`);
    const port = Number(new URL(lagging.url()).port);
    const led = open({
      endpoints: [config.endpoints[0], { host: '127.0.0.1', port }],
      admin: { username: `${name}_both`, password: Secret.fromText(name) },
    });
    await led.create(await led.propose(null, ctx('r1')), ctx('r1'));

    const disabled = led.disable(login, ctx('r1'));
    await eventually('the server that has not heard of it is waited for', async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'keyturn' AND strpos(query, 'pg_sleep') > 0`,
      );
      return rows.length > 0;
    });
    const late = new pg.Client({ host: '127.0.0.1', port, user: login, password: name, database: 'postgres' });
    late.on('error', () => {});
    const ended = new Promise((resolve) => late.once('end', resolve));
    // It may be ended before it was told that it is let in.
    await late.connect().catch(() => undefined);
    await ended;
    await client.query(`ALTER ROLE ${login} NOLOGIN`);

    expect(await disabled).toEqual({ endedSessions: 1 });
    await client.end();
    await led.close();
  });
});
