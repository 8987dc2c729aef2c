// An application under which the credential of its database is rotated without a failed query. It queries all the time,
// tries pending versions, proves what it uses, and tells under `/` how that goes. Where its database is comes from
// PGHOST, PGPORT and PGDATABASE; docs/consumers.md says how to run it.
import { createServer } from 'node:http';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import {
  type HeldCredential,
  createCachedReader,
  createConsumer,
  followCredential,
  livePgPool,
  nodeHandler,
} from 'keyturn/consumer';
import pg from 'pg';

const {
  SECRET = '/demo/billing/db',
  KEYTURN_ENVIRONMENT = 'demo',
  KEYTURN_STORE_URL = 'http://127.0.0.1:4583',
  KEYTURN_CONSUMER_KEY = '',
  PORT = '8090',
} = process.env;

const ssm = new SSMClient({ endpoint: KEYTURN_STORE_URL, region: 'eu-central-1' });
const reader = createCachedReader<string>({
  read: async (name, { signal }) => {
    const command = new GetParameterCommand({ Name: name, WithDecryption: true });
    const { Parameter } = await ssm.send(command, { abortSignal: signal });
    return { value: Parameter?.Value, version: Parameter?.Version };
  },
});
const credential = followCredential({ reader, name: `${SECRET}:current` });

const loginOf = (held: HeldCredential) => ({ user: held.get('username'), password: held.get('password') });
const pool = livePgPool<pg.PoolClient>({
  credential,
  open: (held) => new pg.Pool({ ...loginOf(held), max: 4 }),
});

/** A login beside everything else. False where it was refused; an error where nobody can say. */
async function tryPending(held: HeldCredential): Promise<boolean> {
  const client = new pg.Client(loginOf(held)).on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (code === '28P01' || code === '28000') return false;
    throw error;
  } finally {
    await client.end();
  }
}

const standing = { queries: 0, failures: 0, users: [] as string[] };

/** One of many that go on for ever. */
async function queryForEver(): Promise<never> {
  for (;;) {
    try {
      const { rows } = await pool.query<{ user: string }>('SELECT session_user AS user, pg_sleep(0.01)');
      const user = rows[0]?.user ?? '';
      standing.queries += 1;
      if (!standing.users.includes(user)) standing.users.push(user);
    } catch (error) {
      standing.failures += 1;
      console.error(error instanceof Error ? error.message : error);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const handle = nodeHandler(
  createConsumer({
    key: KEYTURN_CONSUMER_KEY,
    instance: `application-${process.pid}`,
    environment: KEYTURN_ENVIRONMENT,
    secrets: { [SECRET]: { credential, tryPending } },
  }),
);
const server = createServer((request, response) => {
  if (request.url === '/keyturn') return handle(request, response);
  response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(standing)}\n`);
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`Working. See http://127.0.0.1:${PORT}/`));
for (let each = 0; each < 4; each += 1) void queryForEver();
