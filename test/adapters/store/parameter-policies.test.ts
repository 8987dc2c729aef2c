import {
  DescribeParametersCommand,
  GetParameterCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { webhookSchemas } from '../../../scripts/webhooks-doc.js';
import { postgresRegistry } from '../../../src/adapters/postgres/registry.js';
import { postgresSweep } from '../../../src/adapters/postgres/sweep.js';
import { renderCredential } from '../../../src/core/credential.js';
import type { ParameterBody } from '../../../src/core/delivery.js';
import { Secret } from '../../../src/core/secret.js';
import { type ServedStore, servedStore } from '../../ssm-server/served-store.js';

const hourMs = 3_600_000;
const events = ['parameter.expiring', 'parameter.expired', 'parameter.unchanged'];

let store: ServedStore;
let ssm: SSMClient;
let made = 0;

beforeAll(async () => {
  store = await servedStore();
  ssm = await store.client();
  await postgresRegistry(store.pool).declare({
    environment: 'test',
    secrets: [],
    targets: [],
    endpoints: [{ environment: 'test', name: 'audit', url: 'https://audit.example/hook', events }],
  });
});

afterAll(() => store.close());

const expiration = (inMs: number) => ({
  Type: 'Expiration',
  Version: '1.0',
  Attributes: { Timestamp: new Date(Date.now() + inMs).toISOString() },
});
const before = (Before: string) => ({
  Type: 'ExpirationNotification',
  Version: '1.0',
  Attributes: { Before, Unit: 'Hours' },
});
const unchanged = (After: string) => ({
  Type: 'NoChangeNotification',
  Version: '1.0',
  Attributes: { After, Unit: 'Hours' },
});

/** A parameter with these policies. *Returns* its name. */
async function put(
  policies: readonly object[],
  { name = `/policies/p${(made += 1)}`, ...more }: Partial<PutParameterCommandInput> & { readonly name?: string } = {},
): Promise<string> {
  const Policies = JSON.stringify(policies);
  await ssm.send(
    new PutParameterCommand({
      Name: name,
      Value: 'x',
      Type: 'String',
      Tier: 'Advanced',
      Overwrite: true,
      Policies,
      ...more,
    }),
  );
  return name;
}

/** What is told of by now. */
const sweep = async () =>
  (await postgresSweep(store.pool).policies(100)).map(({ parameter, version, event }) => [parameter, version, event]);

/** Lets time pass for one parameter: everything of it is so much older. An expiration, which is a date, stays where it is. */
async function age(name: string, hours: number): Promise<void> {
  const back = `- ${hours} * interval '1 hour'`;
  await store.pool.query(`UPDATE keyturn.versions SET at = at ${back} WHERE secret = $1`, [`test:${name}`]);
  await store.pool.query(
    `UPDATE keyturn.parameters SET policies_due_at = policies_due_at ${back}, policies_done_at = policies_done_at ${back}
     WHERE parameter = $1`,
    [`test:${name}`],
  );
}

const bodies = async (name: string): Promise<readonly ParameterBody[]> => {
  const { rows } = await store.pool.query<{ body: string }>(
    'SELECT body FROM keyturn.deliveries WHERE secret = $1 ORDER BY created_at',
    [`test:${name}`],
  );
  return rows.map(({ body }): ParameterBody => webhookSchemas.parameter.parse(JSON.parse(body)));
};

const isThere = (name: string): Promise<boolean> =>
  ssm.send(new GetParameterCommand({ Name: name })).then(
    () => true,
    (thrown: Error) => {
      if (thrown.name === 'ParameterNotFound') return false;
      throw thrown;
    },
  );

test('a parameter that nobody has changed is told of once, until it is put again', async () => {
  const name = await put([unchanged('24')]);
  expect(await sweep()).toEqual([]);
  await age(name, 23);
  expect(await sweep()).toEqual([]);
  await age(name, 2);
  expect(await sweep()).toEqual([[`test:${name}`, 1, 'parameter.unchanged']]);
  await age(name, 100);
  expect(await sweep()).toEqual([]);

  await ssm.send(new PutParameterCommand({ Name: name, Value: 'y', Overwrite: true }));
  expect(await sweep()).toEqual([]);
  await age(name, 25);
  expect(await sweep()).toEqual([[`test:${name}`, 2, 'parameter.unchanged']]);

  expect(await bodies(name)).toMatchObject([
    { type: 'parameter.unchanged', data: { environment: 'test', parameter: `test:${name}`, version: 1, sequence: 1 } },
    { type: 'parameter.unchanged', data: { version: 2, sequence: 2 } },
  ]);
});

test('an expiration is told of before it comes, and deletes the parameter when it has come', async () => {
  const name = await put([expiration(3 * hourMs), before('2'), before('1')]);
  expect(await sweep()).toEqual([]);
  await ssm.send(
    new PutParameterCommand({
      Name: name,
      Value: 'z',
      Overwrite: true,
      Policies: JSON.stringify([expiration(1.5 * hourMs), before('2'), before('1')]),
    }),
  );
  expect(await sweep()).toEqual([[`test:${name}`, 2, 'parameter.expiring']]);
  expect(await sweep()).toEqual([]);
  expect(await isThere(name)).toBe(true);

  const gone = await put([expiration(-1_000), before('1'), unchanged('1')]);
  await age(gone, 2);
  expect((await sweep()).sort()).toEqual([
    [`test:${gone}`, 1, 'parameter.expired'],
    [`test:${gone}`, 1, 'parameter.expiring'],
    [`test:${gone}`, 1, 'parameter.unchanged'],
  ]);
  expect(await isThere(gone)).toBe(false);
  expect((await bodies(gone)).map(({ data }) => data.sequence)).toEqual([1, 2, 3]);
  const { rows } = await store.pool.query(
    "SELECT action FROM keyturn.audit WHERE secret = $1 AND principal = 'keyturn' ORDER BY action",
    [`test:${gone}`],
  );
  expect(rows.map(({ action }) => String(action))).toEqual([
    'parameter.expired',
    'parameter.expiring',
    'parameter.unchanged',
  ]);
  expect(await sweep()).toEqual([]);
});

test('a protected parameter and a secret under management outlive their expiration', async () => {
  const kept = `/policies/kept${(made += 1)}`;
  await ssm.send(
    new PutParameterCommand({
      Name: kept,
      Value: 'x',
      Type: 'String',
      Tier: 'Advanced',
      Policies: JSON.stringify([expiration(-1_000)]),
      Tags: [{ Key: 'keyturn:protected', Value: 'true' }],
    }),
  );
  const managed = await put([expiration(-1_000)]);
  await store.pool.query(
    `INSERT INTO keyturn.secrets (secret, environment, path, target, declared) VALUES ($1, 'test', $2, 'db', true)`,
    [`test:${managed}`, managed],
  );

  expect(await sweep()).toEqual([]);

  expect(await isThere(kept)).toBe(true);
  expect(await isThere(managed)).toBe(true);
});

test('a secret under management that no rotation has changed is told of, once for each of its versions', async () => {
  const secret = await store.freshSecret();
  const name = secret.slice(secret.indexOf(':') + 1);
  await put([unchanged('24')], { name, Type: 'SecureString', Description: 'of the billing team' });
  const scope = await store.begin(secret);
  const value = renderCredential(
    { identity: 'app_a', value: Secret.fromText('a-generated-value-000000000') },
    scope.plan.fields,
  );

  const { version } = await store.store.putPending(scope, value);

  expect(await sweep()).toEqual([]);
  await age(name, 25);
  expect(await sweep()).toEqual([[secret, version, 'parameter.unchanged']]);
  expect(await sweep()).toEqual([]);
  const { Parameters } = await ssm.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Values: [name] }] }),
  );
  expect(Parameters).toMatchObject([{ Version: version, Tier: 'Advanced', Description: 'of the billing team' }]);
});

test('a parameter that is being written is left to the next look', async () => {
  const name = await put([expiration(-1_000)]);
  const writer = await store.pool.connect();
  try {
    await writer.query('BEGIN');
    await writer.query('SELECT keyturn.parameter_lock($1)', [`test:${name}`]);
    expect(await sweep()).toEqual([]);
    await writer.query('ROLLBACK');
  } finally {
    writer.release();
  }
  expect(await sweep()).toEqual([[`test:${name}`, 1, 'parameter.expired']]);
});

test('two sweeps at once tell of each moment once', async () => {
  const names = await Promise.all(Array.from({ length: 20 }, () => put([before('1'), expiration(hourMs / 2)])));
  const told = (await Promise.all(Array.from({ length: 4 }, sweep))).flat();
  told.push(...(await sweep()));
  expect(told.map(([parameter]) => parameter).sort()).toEqual(names.map((name) => `test:${name}`).sort());
});

test.each(['2030-01-01T00:00:00+18:00', '2030-01-01T00:00:00-15:00', `2030-01-01T00:00:00.${'1'.repeat(150)}Z`])(
  'a moment that PostgreSQL cannot count with is refused: %s',
  async (Timestamp) => {
    const policy = { Type: 'Expiration', Version: '1.0', Attributes: { Timestamp } };

    await expect(put([policy])).rejects.toMatchObject({ name: 'InvalidPolicyAttributeException' });
  },
);

test('policies that cannot be read keep nobody else waiting, and are told of once', async () => {
  const unreadable = await put([unchanged('1')]);
  await store.pool.query(
    `UPDATE keyturn.versions SET details = jsonb_set(details, '{policies}', to_jsonb($2::text)) WHERE secret = $1`,
    [
      `test:${unreadable}`,
      JSON.stringify([{ ...expiration(0), Attributes: { Timestamp: '2030-01-01T00:00:00+18:00' } }]),
    ],
  );
  const other = await put([unchanged('1')]);
  await age(other, 2);

  expect(await sweep()).toEqual([[`test:${other}`, 1, 'parameter.unchanged']]);
  expect(await sweep()).toEqual([]);
  const { rows } = await store.pool.query('SELECT action FROM keyturn.audit WHERE secret = $1', [`test:${unreadable}`]);
  expect(rows).toEqual([{ action: 'parameter.unreadable' }]);

  await put([unchanged('1')], { name: unreadable });
  await age(unreadable, 2);
  expect(await sweep()).toEqual([[`test:${unreadable}`, 2, 'parameter.unchanged']]);
});
