import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { documentFor, labelByHand, putByHand, staged, textOf } from './ssm-words.js';

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture({ staging: 'shadow' });
});

afterAll(() => fixture.close());

const bare = () => ({ ssm: fixture.ssm, nameOf: fixture.bareOf });

describe('a preflight where applications read bare names', () => {
  test('finds a bare parameter without a history, and says how to begin one', async () => {
    const { store, begin, freshSecret } = fixture;
    const scope = await begin(await freshSecret());
    await putByHand(bare(), scope);

    expect(await store.read(scope, 'current')).toBeNull();
    expect(await store.preflight(scope, null)).toMatchObject([
      { cure: expect.stringContaining('keyturn store put') as string },
    ]);
  });

  test('finds a label under the bare name that applications would stay at', async () => {
    const { store } = fixture;
    const { scope, old } = await staged(fixture);
    await labelByHand(bare(), scope, { label: 'current', version: 1 });

    expect(await store.preflight(scope, old)).toMatchObject([
      { sentence: expect.stringContaining('has a label under its bare name') as string },
    ]);
  });

  test('finds a bare parameter of another type', async () => {
    const { store, ssm, begin, freshSecret } = fixture;
    const scope = await begin(await freshSecret());
    const { version } = await store.putPending(scope, documentFor(scope));
    const Value = await textOf(fixture, scope, version);
    await ssm.byHand.send(new PutParameterCommand({ Name: fixture.bareOf(scope), Value, Type: 'String' }));

    expect(await store.preflight(scope, null)).toMatchObject([
      { sentence: expect.stringContaining('is a String') as string },
    ]);
  });

  test('finds that there is no room for a promotion and the way back', async () => {
    const { store } = fixture;
    const { scope, old } = await staged(fixture);
    await labelByHand(bare(), scope, { label: 'mine', version: 1 });
    const again = await textOf(bare(), scope, null);
    for (let count = 1; count < 98; count += 1) await putByHand(bare(), scope, again);
    expect(await store.preflight(scope, old)).toEqual([]);
    await putByHand(bare(), scope, again);

    expect(await store.preflight(scope, old)).toMatchObject([
      { sentence: expect.stringContaining('version 1, one of the oldest, has a label') as string },
    ]);
  });
});
