import pg from 'pg';
import { expect, test } from 'vitest';
import { withPostgres } from '../support/postgres.js';
import { findOrphans, loginRoles } from './aftermath.js';

const tag = (facts: object): string => JSON.stringify({ keyturn: { secret: 'load:/load/db-1', ...facts } });

test('what is alive and explained by nothing is an orphan; what is dead, or current, is none', async () => {
  await withPostgres({}, async (server) => {
    const before = await loginRoles(server);
    const client = new pg.Client(server.url());
    await client.connect();
    await client.query(`
      CREATE ROLE load_1 NOLOGIN; COMMENT ON ROLE load_1 IS '${tag({ era: 1, epoch: 7 })}';
      CREATE ROLE load_1_a LOGIN PASSWORD 'a'; COMMENT ON ROLE load_1_a IS '${tag({ rotation: 'r1' })}';
      CREATE ROLE load_1_b NOLOGIN; COMMENT ON ROLE load_1_b IS '${tag({ rotation: 'r0', dead: true })}';
    `);
    const explained = { before, currents: ['load_1_a'] };
    expect(await findOrphans(server, explained)).toEqual([]);

    await client.query(`CREATE ROLE load_2_a LOGIN; COMMENT ON ROLE load_2_a IS '${tag({ rotation: 'r2' })}'`);
    await client.query(
      `CREATE ROLE load_3_a NOLOGIN PASSWORD 'a'; COMMENT ON ROLE load_3_a IS '${tag({ rotation: 'r3' })}'`,
    );
    await client.query('CREATE ROLE somebody LOGIN');
    const url = new URL(server.url());
    url.username = 'load_1_a';
    url.password = 'a';
    const session = new pg.Client(url.href);
    await session.connect();

    expect([...(await findOrphans(server, { before, currents: [] }))].sort()).toEqual([
      'role load_1_a',
      'role load_2_a',
      'role load_3_a',
      'role somebody',
      'session of load_1_a',
    ]);
    await session.end();
    await client.end();
  });
});
