import { DeleteParameterCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { webhookSchemas } from '../../../scripts/webhooks-doc.js';
import { postgresRegistry } from '../../../src/adapters/postgres/registry.js';
import { type ServedStore, servedStore } from '../../ssm-server/served-store.js';

let store: ServedStore;
let ssm: SSMClient;

beforeAll(async () => {
  store = await servedStore();
  ssm = await store.client();
});

afterAll(() => store.close());

/** From now on these endpoints are told: by name, the types they want. */
async function declare(endpoints: Readonly<Record<string, readonly string[] | undefined>>): Promise<void> {
  await postgresRegistry(store.pool).declare({
    environment: 'test',
    secrets: [],
    targets: [],
    endpoints: Object.entries(endpoints).map(([name, events]) => ({
      environment: 'test',
      name,
      url: `https://${name}.example/hook`,
      events,
    })),
  });
}

const put = (Name: string, Value: string) =>
  ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));

/** Who was told of which version of a parameter, in which order. */
async function told(name: string): Promise<readonly string[]> {
  const { rows } = await store.pool.query<{ endpoint: string; body: string }>(
    'SELECT endpoint, body FROM keyturn.deliveries WHERE secret = $1 ORDER BY created_at, endpoint',
    [`test:${name}`],
  );
  return rows.map(({ endpoint, body }) => {
    const { data } = webhookSchemas.change.parse(JSON.parse(body));
    expect(data).toMatchObject({ environment: 'test', parameter: `test:${name}` });
    return `${endpoint} ${data.version} ${data.sequence}`;
  });
}

test('every new version of a plain parameter is told to who wants it, and holds no value', async () => {
  await declare({ all: undefined, toggles: ['parameter.changed'], pager: ['rotation.parked'] });

  await put('/toggles/checkout', 'off-a-value-of-its-own');
  await put('/toggles/checkout', 'on-a-value-of-its-own');

  expect(await told('/toggles/checkout')).toEqual(['all 1 1', 'toggles 1 1', 'all 2 2', 'toggles 2 2']);
  const { rows } = await store.pool.query<{ body: string }>('SELECT body FROM keyturn.deliveries');
  expect(rows.map(({ body }) => body).join()).not.toContain('of-its-own');
});

test('a put that is refused tells nobody, and nobody is told where nobody wants it', async () => {
  await declare({ toggles: ['parameter.changed'] });
  await put('/toggles/once', 'x');
  await expect(ssm.send(new PutParameterCommand({ Name: '/toggles/once', Value: 'y' }))).rejects.toMatchObject({
    name: 'ParameterAlreadyExists',
  });
  await declare({ pager: ['rotation.parked'] });
  await put('/toggles/once', 'z');

  expect(await told('/toggles/once')).toEqual(['toggles 1 1']);
});

test('a parameter that is deleted and made anew is told of as a new one', async () => {
  await declare({ toggles: ['parameter.changed'] });
  await put('/toggles/anew', 'x');
  await ssm.send(new DeleteParameterCommand({ Name: '/toggles/anew' }));
  await put('/toggles/anew', 'y');

  expect(await told('/toggles/anew')).toEqual(['toggles 1 1', 'toggles 1 1']);
});

test('what a rotation puts is told by its rotation alone', async () => {
  await declare({ all: undefined });
  await store.pool.query(
    `INSERT INTO keyturn.secrets (secret, environment, path, target, declared) VALUES ('test:/managed', 'test', '/managed', 't', true)`,
  );
  await store.pool.query(
    `INSERT INTO keyturn.parameters (parameter, environment, path, name, type, tags) VALUES ('test:/managed', 'test', '/managed', '/managed', 'SecureString', '{}')`,
  );
  for (const [version, rotation, byHand] of [
    [1, 'r1', null],
    [2, null, 'by-hand'],
  ])
    await store.pool.query(
      `INSERT INTO keyturn.versions (secret, version, rotation_id, put_id, put_by, sealed, digest) VALUES ('test:/managed', $1, $2, $3, 'w', 'x', repeat('0', 32))`,
      [version, rotation, byHand],
    );

  expect(await told('/managed')).toEqual([]);
});
