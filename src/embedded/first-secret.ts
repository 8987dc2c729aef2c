import pg from 'pg';

/** The database that `keyturn up` makes so that there is something to rotate. */
export const firstDatabase = 'billing';

/** Makes the database of the state where it is missing. *Repeat*: harmless. */
export async function prepareState(urlOf: (database: string) => string, name: string): Promise<void> {
  await withClient(urlOf('postgres'), (client) => createDatabase(client, name, undefined));
}

/** Makes the role `billing`, which owns a database of the same name. *Repeat*: harmless. */
export async function prepareFirstTarget(urlOf: (database: string) => string): Promise<void> {
  await withClient(urlOf('postgres'), async (client) => {
    const role = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [firstDatabase]);
    if (role.rowCount === 0) await client.query(`CREATE ROLE ${pg.escapeIdentifier(firstDatabase)} NOLOGIN`);
    await createDatabase(client, firstDatabase, firstDatabase);
  });
}

async function createDatabase(client: pg.Client, name: string, owner: string | undefined): Promise<void> {
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  if (found.rowCount !== 0) return;
  const ownedBy = owner === undefined ? '' : ` OWNER ${pg.escapeIdentifier(owner)}`;
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}${ownedBy}`);
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
