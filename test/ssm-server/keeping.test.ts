import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DeleteParametersCommand,
  GetParameterCommand,
  ListTagsForResourceCommand,
  RemoveTagsFromResourceCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServedStore, servedStore } from './served-store.js';
import { fresh, getBy, putBy, refused } from './words.js';

let store: ServedStore;
let client: SSMClient;

beforeAll(async () => {
  store = await servedStore();
  client = await store.client();
});

afterAll(async () => store.close());

describe('a value at rest', () => {
  it('is not in the database in clear, and does not open under another name or version', async () => {
    const [a, b] = [fresh(), fresh()];
    await putBy(client, a, 'first-of-a-in-clear');
    await putBy(client, a, 'second-of-a-in-clear', { Overwrite: true });
    await putBy(client, b, 'of-b-in-clear');
    const { rows } = await store.pool.query<{ readonly row: string; readonly at: number }>(
      `SELECT v::text AS row, position(convert_to('in-clear', 'UTF8') IN sealed) AS at FROM keyturn.versions AS v`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(3);
    expect(rows.filter(({ row, at }) => row.includes('in-clear') || at > 0)).toEqual([]);

    const move = `UPDATE keyturn.versions AS v SET sealed = o.sealed, digest = o.digest, put_id = v.put_id
      FROM keyturn.versions AS o WHERE v.secret = $1 AND v.version = $2 AND o.secret = $3 AND o.version = $4`;
    await store.pool.query(move, [`test:${a}`, 1, `test:${b}`, 1]);
    await store.pool.query(move, [`test:${b}`, 1, `test:${a}`, 2]);

    await expect(getBy(client, `${a}:1`)).rejects.toEqual(refused('InvalidKeyId'));
    await expect(getBy(client, b)).rejects.toEqual(refused('InvalidKeyId'));
    expect((await getBy(client, a))?.Value).toBe('second-of-a-in-clear');
  });

  it('is sealed by the keyring of the store: no other key may be asked for', async () => {
    const path = fresh();

    await expect(putBy(client, path, 'x', { KeyId: 'alias/mine' })).rejects.toEqual(refused('InvalidKeyId'));
    await expect(putBy(client, path, 'x', { KeyId: 'alias/keyturn', Type: 'String' })).rejects.toEqual(
      refused('ValidationException'),
    );
    for (const [index, KeyId] of ['alias/keyturn', 'alias/aws/ssm'].entries()) {
      expect((await putBy(client, path, 'x', { KeyId, Overwrite: true })).Version).toBe(index + 1);
    }
  });
});

it('a parameter that somebody else keeps writing is refused with TooManyUpdates, and nothing is written', async () => {
  const name = fresh();
  await putBy(client, name, 'one');
  const other = await store.pool.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT keyturn.parameter_lock($1)', [`test:${name}`]);
    await expect(putBy(client, name, 'two', { Overwrite: true })).rejects.toEqual(refused('TooManyUpdates'));
    await other.query('ROLLBACK');
  } finally {
    other.release();
  }
  expect(await getBy(client, name)).toMatchObject({ Value: 'one', Version: 1 });
});

describe('protection', () => {
  it('keeps a parameter from being deleted, and is not taken off over the wire', async () => {
    const path = fresh();
    await putBy(client, path, 'value', { Tags: [{ Key: 'keyturn:protected', Value: 'true' }] });
    const resource = { ResourceType: 'Parameter', ResourceId: path } as const;

    await expect(client.send(new DeleteParameterCommand({ Name: path }))).rejects.toEqual(
      refused('ValidationException'),
    );
    expect((await client.send(new DeleteParametersCommand({ Names: [path] }))).InvalidParameters).toEqual([path]);
    await expect(
      client.send(new RemoveTagsFromResourceCommand({ ...resource, TagKeys: ['keyturn:protected'] })),
    ).rejects.toEqual(refused('ValidationException'));
    await expect(
      client.send(new AddTagsToResourceCommand({ ...resource, Tags: [{ Key: 'keyturn:protected', Value: 'no' }] })),
    ).rejects.toEqual(refused('ValidationException'));
    expect((await putBy(client, path, 'next', { Overwrite: true })).Version).toBe(2);
    expect((await getBy(client, path))?.Value).toBe('next');
  });
});

describe('tags', () => {
  it('are fifty at most, of a parameter that there is, and of no other kind of thing', async () => {
    const path = fresh();
    await putBy(client, path, 'value');
    const tags = (count: number) => Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: '' }));
    const add = (ResourceId: string, count: number, ResourceType: 'Parameter' | 'Document' = 'Parameter') =>
      client.send(new AddTagsToResourceCommand({ ResourceType, ResourceId, Tags: tags(count) }));

    await add(path, 50);
    await expect(add(path, 51)).rejects.toEqual(refused('TooManyTagsError'));
    await expect(putBy(client, fresh(), 'x', { Tags: tags(51) })).rejects.toEqual(refused('TooManyTagsError'));
    await expect(add(fresh(), 1)).rejects.toEqual(refused('InvalidResourceId'));
    await expect(add(path, 1, 'Document')).rejects.toEqual(refused('InvalidResourceType'));
    const list = new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: path });
    expect((await client.send(list)).TagList).toHaveLength(50);
  });
});

describe('a String', () => {
  it('is given in clear to who may read it, also without asking for decryption', async () => {
    const path = fresh();
    await putBy(client, path, 'value', { Type: 'String' });

    expect((await client.send(new GetParameterCommand({ Name: path }))).Parameter).toMatchObject({
      Type: 'String',
      Value: 'value',
    });
  });
});
