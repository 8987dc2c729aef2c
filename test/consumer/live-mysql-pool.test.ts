import { randomBytes } from 'node:crypto';
import { liveMysqlPool } from 'keyturn/consumer';
import mysql from 'mysql2/promise';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { describeWithMariadb, sharedMariadb } from '../rotators/mariadb/borrowed.js';
import { type Login, followed, freshLogin } from './two-logins.js';

describeWithMariadb('a live pool of mysql2', () => {
  test('moves new connections to the new account, lets old ones finish, and finds a newer one by itself', async () => {
    const { port } = await sharedMariadb();
    const root = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
    const suffix = randomBytes(5).toString('hex');
    const [a, b, c] = ['a', 'b', 'c'].map((each) => freshLogin(`app_${suffix}_${each}`)) as [Login, Login, Login];
    for (const { username, password } of [a, b, c])
      await root.query(`CREATE USER '${username}' IDENTIFIED BY '${password}'`);
    const { credential, promote } = followed(a);
    const pool = liveMysqlPool<mysql.PoolConnection>({
      credential,
      open: (held) => {
        const [user, password] = [held.get('username'), held.get('password')];
        return mysql.createPool({ host: '127.0.0.1', port, user, password, connectionLimit: 2 });
      },
    });
    onTestFinished(async () => {
      await pool.end();
      for (const { username } of [a, b, c]) await root.query(`DROP USER '${username}'`);
      await root.end();
    });
    const nameOf = async (connection: mysql.PoolConnection): Promise<string> => {
      const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT current_user() AS name');
      return String(rows[0]?.['name']).split('@')[0] ?? '';
    };
    const who = async (): Promise<string> => {
      const connection = await pool.getConnection();
      try {
        return await nameOf(connection);
      } finally {
        connection.release();
      }
    };
    const sessionsOf = async ({ username }: Login): Promise<number> => {
      const [rows] = await root.query<mysql.RowDataPacket[]>(
        'SELECT 1 FROM information_schema.processlist WHERE user = ?',
        [username],
      );
      return rows.length;
    };

    const held = await pool.getConnection();
    promote(b);
    await credential.refresh();
    expect(await who()).toBe(b.username);
    expect(await nameOf(held)).toBe(a.username);
    held.destroy();
    await eventually('the old one is quiet', async () => (await sessionsOf(a)) === 0);

    promote(c);
    await root.query(`ALTER USER '${b.username}' ACCOUNT LOCK`);
    for (const { id } of (
      await root.query<mysql.RowDataPacket[]>('SELECT id FROM information_schema.processlist WHERE user = ?', [
        b.username,
      ])
    )[0] as { id: number }[])
      await root.query(`KILL ${id}`);
    await eventually('its sessions are gone', async () => (await sessionsOf(b)) === 0);
    expect(await who()).toBe(c.username);
  });
});
