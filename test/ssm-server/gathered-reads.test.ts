import { expect, test } from 'vitest';
import { GetParameterCommand, GetParametersCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { postgresParameters } from '../../src/adapters/postgres/store/parameters.js';
import { GatheredReads } from '../../src/ssm-server/gathered-reads.js';
import { storeFixture } from '../adapters/store/store-fixture.js';
import { servedStore } from './served-store.js';

test('readers at the same time are each given what they asked for, in few statements', async () => {
  const store = await servedStore();
  try {
    const ssm = await store.client();
    for (let each = 0; each < 20; each += 1)
      await ssm.send(
        new PutParameterCommand({ Name: `/gather/p${each}`, Value: `value ${each}`, Type: 'SecureString' }),
      );

    const read = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        if (index % 7 === 0) {
          const missing = `/gather/none${index}`;
          return ssm.send(new GetParameterCommand({ Name: missing })).then(
            () => 'found',
            (thrown: Error) => thrown.name,
          );
        }
        if (index % 5 === 0) {
          const Names = [`/gather/p${index % 20}`, '/gather/none', `/gather/p${(index + 1) % 20}:1`];
          const { Parameters, InvalidParameters } = await ssm.send(
            new GetParametersCommand({ Names, WithDecryption: true }),
          );
          return [...(Parameters ?? []).map(({ Value }) => Value), ...(InvalidParameters ?? [])].join();
        }
        const Name = `/gather/p${index % 20}`;
        return (await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter?.Value;
      }),
    );

    expect(read).toEqual(
      Array.from({ length: 200 }, (_, index) => {
        if (index % 7 === 0) return 'ParameterNotFound';
        if (index % 5 === 0) return `value ${index % 20},value ${(index + 1) % 20},/gather/none`;
        return `value ${index % 20}`;
      }),
    );
  } finally {
    await store.close();
  }
}, 120_000);

test('five hundred reads at once are a few statements, none of which is larger than it may be', async () => {
  const store = await storeFixture();
  try {
    const parameters = postgresParameters(store);
    const sizes: number[] = [];
    const gathered = new GatheredReads({
      read: async (environment, asked) => {
        sizes.push(asked.length);
        return parameters.read(environment, asked);
      },
    });
    const read = (path: string) => gathered.read('test', [{ path, selector: null }]);

    const all = await Promise.all(Array.from({ length: 500 }, (_, index) => read(`/none/${index}`)));

    expect(all).toEqual(Array.from({ length: 500 }, () => ['missing']));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(500);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200);
    expect(sizes.length).toBeLessThan(10);
    expect(await gathered.read('test', [])).toEqual([]);
  } finally {
    await store.close();
  }
});

test('what goes wrong in one statement leaves the next alone', async () => {
  let fails = true;
  const gathered = new GatheredReads({
    read: async (_, asked) => {
      if (fails) throw new Error('away');
      return asked.map(() => 'missing' as const);
    },
  });
  const one = gathered.read('test', [{ path: '/a', selector: null }]);
  await expect(one).rejects.toThrow('away');
  fails = false;
  expect(await gathered.read('test', [{ path: '/a', selector: null }])).toEqual(['missing']);
});
