import {
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  LabelParameterVersionCommand,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PathGrant } from '../../src/core/path-grant.js';
import { type ServedStore, servedStore } from './served-store.js';
import { fresh, getBy, putBy, refused } from './words.js';

let store: ServedStore;
let all: SSMClient;

beforeAll(async () => {
  store = await servedStore();
  all = await store.client();
});

afterAll(async () => store.close());

const clientFor = async (principal: string, ...grants: readonly PathGrant[]): Promise<SSMClient> =>
  store.client(await store.key({ principal, grants }));

/** The error as the caller sees it, without the name he asked for himself. */
async function errorOf(asking: Promise<unknown>, name: string): Promise<unknown> {
  const error: unknown = await asking.then(
    () => 'answered',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error) || !('$metadata' in error)) return error;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode: number };
  return { type: error.name, message: error.message.replaceAll(name, '…'), httpStatusCode };
}

const recorded = async (principal: string) =>
  (
    await store.pool.query<Record<string, unknown>>(
      'SELECT action, parameter, version, outcome FROM keyturn.accesses WHERE principal = $1 ORDER BY id',
      [principal],
    )
  ).rows;

describe('what a key may not see', () => {
  it('is refused in the same words as what is not there, by every operation', async () => {
    const own = fresh();
    const [there, not] = [`${own}B/there`, `${own}B/not`];
    await putBy(all, there, 'value');
    const client = await clientFor('outsider', { path: `${own}/*`, allow: ['read', 'write', 'delete'] });
    const asked: readonly ((name: string) => Promise<unknown>)[] = [
      (Name) => client.send(new GetParameterCommand({ Name })),
      (Name) => client.send(new GetParameterCommand({ Name: `${Name}:1` })),
      (Name) => client.send(new GetParameterCommand({ Name: `${Name}:7` })),
      (Name) => client.send(new GetParametersCommand({ Names: [`${own}/x`, Name] })),
      (Name) => client.send(new GetParameterHistoryCommand({ Name })),
      (Name) => client.send(new GetParametersByPathCommand({ Path: Name })),
      (Name) => client.send(new PutParameterCommand({ Name, Value: 'x', Type: 'String' })),
      (Name) => client.send(new PutParameterCommand({ Name, Value: 'x', Type: 'StringList', Overwrite: true })),
      (Name) => client.send(new LabelParameterVersionCommand({ Name, Labels: ['x'] })),
      (Name) => client.send(new DeleteParametersCommand({ Names: [`${own}/x`, Name] })),
    ];

    for (const ask of asked) {
      const [seen, unseen] = [await errorOf(ask(there), there), await errorOf(ask(not), not)];
      expect(seen).toEqual(unseen);
      expect(seen).toMatchObject({ type: 'AccessDeniedException', httpStatusCode: 400 });
    }
    expect((await getBy(all, there))?.Value).toBe('value');
  });

  it('is every parameter of another environment, under any grant', async () => {
    const path = fresh();
    await putBy(all, path, 'value');
    const other = await store.client(await store.key({ environment: 'other' }));

    await expect(getBy(other, path)).rejects.toEqual(refused('ParameterNotFound'));
    const { Parameters } = await other.send(new DescribeParametersCommand({}));
    expect(Parameters).toEqual([]);
  });

  it('is everything for a key without grants', async () => {
    const client = await clientFor('nobody');

    await expect(getBy(client, fresh())).rejects.toEqual(refused('AccessDeniedException'));
    await expect(client.send(new DescribeParametersCommand({}))).rejects.toEqual(refused('AccessDeniedException'));
    await expect(client.send(new GetParametersByPathCommand({ Path: '/' }))).rejects.toEqual(
      refused('AccessDeniedException'),
    );
  });

  it('stays unseen with the paging token of another key, and with one that was made up', async () => {
    const own = fresh();
    for (const name of [`${own}/a`, `${own}/b`, `${own}B/a`, `${own}B/b`, `${own}B/c`]) await putBy(all, name, name);
    const inside = await clientFor('inside', { path: `${own}/*`, allow: ['read'] });
    const { NextToken } = await all.send(new GetParametersByPathCommand({ Path: `${own}B`, MaxResults: 1 }));
    const madeUp = Buffer.from(JSON.stringify(own)).toString('base64url');

    for (const token of [NextToken, madeUp]) {
      const byPath = await inside.send(new GetParametersByPathCommand({ Path: own, NextToken: token }));
      const described = await inside.send(new DescribeParametersCommand({ NextToken: token }));
      const names = [...(byPath.Parameters ?? []), ...(described.Parameters ?? [])].map(({ Name }) => Name);
      expect(names.filter((name) => !name?.startsWith(`${own}/`))).toEqual([]);
    }
    for (const token of ['x', '!', 'e30', Buffer.from('7').toString('base64url'), 'x'.repeat(4_000)]) {
      await expect(inside.send(new GetParametersByPathCommand({ Path: own, NextToken: token }))).rejects.toEqual(
        refused('InvalidNextToken'),
      );
    }
    for (const token of [-1, -99_999_999_999, -1e300, 2 ** 31, 0.5]) {
      const NextToken = Buffer.from(JSON.stringify(token)).toString('base64url');
      await expect(inside.send(new GetParameterHistoryCommand({ Name: `${own}/a`, NextToken }))).rejects.toEqual(
        refused('InvalidNextToken'),
      );
    }
  });
});

describe('a key', () => {
  it('reads, writes and deletes as far as it may, each by itself', async () => {
    const path = fresh();
    await putBy(all, path, 'value');
    const [reader, writer, deleter] = [
      await clientFor('reader', { path, allow: ['read'] }),
      await clientFor('writer', { path, allow: ['write'] }),
      await clientFor('deleter', { path, allow: ['delete'] }),
    ];
    const put = (client: SSMClient) => putBy(client, path, 'next', { Overwrite: true });
    const end = (client: SSMClient) => client.send(new DeleteParametersCommand({ Names: [path] }));

    expect((await getBy(reader, path))?.Value).toBe('value');
    expect((await put(writer)).Version).toBe(2);
    await Promise.all(
      [put(reader), end(reader), getBy(writer, path), end(writer), getBy(deleter, path), put(deleter)].map((asked) =>
        expect(asked).rejects.toEqual(refused('AccessDeniedException')),
      ),
    );
    expect((await end(deleter)).DeletedParameters).toEqual([path]);
  });

  it('that asks too often is told so, and the others are not', async () => {
    let nowMs = 0;
    const slow = await servedStore({ monotonicMs: () => nowMs });
    try {
      const path = fresh();
      const clientOf = async (principal: string) => slow.client(await slow.key({ principal, requestsPerSecond: 3 }));
      const [client, second, other] = [await clientOf('ada'), await clientOf('ada'), await clientOf('bob')];
      const throttled = expect.objectContaining({ name: 'ThrottlingException', message: 'Rate exceeded' }) as Error;
      await putBy(client, path, 'value');
      await getBy(client, path);
      await getBy(client, path);

      await expect(getBy(client, path)).rejects.toEqual(throttled);
      // A principal with two keys, as while one is replaced, is one principal.
      await expect(getBy(second, path)).rejects.toEqual(throttled);
      expect((await getBy(other, path))?.Value).toBe('value');
      nowMs += 400;
      expect((await getBy(second, path))?.Value).toBe('value');
      await expect(getBy(client, path)).rejects.toEqual(refused('ThrottlingException'));
    } finally {
      await slow.close();
    }
  });

  it('of a principal that shares its name with one of another environment is not counted with it', async () => {
    const slow = await servedStore({ monotonicMs: () => 0 });
    try {
      const path = fresh();
      const [here, there] = [
        await slow.client(await slow.key({ requestsPerSecond: 1 })),
        await slow.client(await slow.key({ requestsPerSecond: 1, environment: 'other' })),
      ];
      await putBy(here, path, 'value');
      await expect(getBy(here, path)).rejects.toEqual(refused('ThrottlingException'));

      await expect(getBy(there, path)).rejects.toEqual(refused('ParameterNotFound'));
    } finally {
      await slow.close();
    }
  });
});

describe('the record', () => {
  it('holds every read, write and refusal, by parameter and version', async () => {
    const own = fresh();
    const client = await clientFor(own, { path: `${own}/*`, allow: ['read', 'write', 'delete'] });
    const name = `${own}/a`;
    await putBy(client, name, 'one');
    await putBy(client, name, 'two', { Overwrite: true });
    await getBy(client, `${name}:1`);
    await client.send(new GetParametersCommand({ Names: [name, `${own}/not`] }));
    await client.send(new GetParametersByPathCommand({ Path: own }));
    await client.send(new GetParametersByPathCommand({ Path: `${own}/empty` }));
    await client.send(new GetParameterHistoryCommand({ Name: name }));
    await client.send(new DescribeParametersCommand({}));
    await expect(getBy(client, `${own}B`)).rejects.toThrow();
    await expect(putBy(client, name, 'three')).rejects.toThrow();
    await client.send(new DeleteParametersCommand({ Names: [name, `${own}/not`] }));

    const row = (action: string, parameter: string | null, version: number | null, outcome = 'done') => ({
      action,
      parameter: parameter === null ? null : `test:${parameter}`,
      version,
      outcome,
    });
    expect(await recorded(own)).toEqual([
      row('PutParameter', name, 1),
      row('PutParameter', name, 2),
      row('GetParameter', name, 1),
      row('GetParameters', name, 2),
      row('GetParameters', `${own}/not`, null, 'ParameterNotFound'),
      row('GetParametersByPath', name, 2),
      row('GetParametersByPath', `${own}/empty`, null),
      row('GetParameterHistory', name, 1),
      row('GetParameterHistory', name, 2),
      row('DescribeParameters', null, null),
      row('GetParameter', `${own}B`, null, 'AccessDeniedException'),
      row('PutParameter', name, null, 'ParameterAlreadyExists'),
      row('DeleteParameters', name, null),
      row('DeleteParameters', `${own}/not`, null, 'ParameterNotFound'),
    ]);
  });

  it('is made before an answer leaves: what cannot be written down is not answered', async () => {
    const path = fresh();
    await putBy(all, path, 'value');
    await store.pool.query('ALTER TABLE keyturn.accesses ADD CONSTRAINT nothing_fits CHECK (false) NOT VALID');
    try {
      await expect(getBy(all, path)).rejects.toEqual(refused('InternalServerError'));
      await expect(putBy(all, path, 'x', { Overwrite: true })).rejects.toEqual(refused('InternalServerError'));
    } finally {
      await store.pool.query('ALTER TABLE keyturn.accesses DROP CONSTRAINT nothing_fits');
    }
    expect(await getBy(all, path)).toMatchObject({ Value: 'value', Version: 1 });
  });
});

describe('what a parameter is declared to be', () => {
  it('is held by every later put as well', async () => {
    const path = fresh();
    await putBy(all, path, '{"a":1}', { DataType: 'json' });

    await expect(putBy(all, path, '{', { Overwrite: true })).rejects.toEqual(refused('ValidationException'));
    expect((await putBy(all, path, '[2]', { Overwrite: true })).Version).toBe(2);
    expect((await putBy(all, path, 'free', { Overwrite: true, DataType: 'text' })).Version).toBe(3);
  });
});
