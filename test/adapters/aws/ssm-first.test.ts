import { afterAll, beforeAll, expect, test } from 'vitest';
import { shadowPutFirst } from '../../../src/adapters/aws/ssm-first.js';
import { Secret } from '../../../src/core/secret.js';
import type { Scope } from '../../../src/ports/step-ports.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { documentFor, errorOf, labelsOf, putByHand, textOf, versionsOf } from './ssm-words.js';

// A first version that a person puts where applications read bare names.

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture({ staging: 'shadow' });
});

afterAll(() => fixture.close());

const begin = async (): Promise<Scope> => fixture.begin(await fixture.freshSecret());

const bare = () => ({ ssm: fixture.ssm, nameOf: fixture.bareOf });

const put = async (scope: Scope, text: string): Promise<number> => {
  const { clients, sends, keyring, ssm } = fixture;
  const parts = { clients, sends, keyring, keyId: ssm.keyId, prefix: ssm.prefix };
  return shadowPutFirst(parts, scope, Secret.fromText(text));
};

const credential = '{"username":"somebody","password":"a-password-of-somebody"}';

test('where there is nothing, applications and rotations find it', async () => {
  const scope = await begin();

  expect(await put(scope, credential)).toBe(1);

  expect(await textOf(bare(), scope, null)).toBe(credential);
  expect(await labelsOf(fixture, scope)).toEqual({ current: 1 });
  expect(await fixture.store.read(scope, 'current')).toMatchObject({ version: 1, rotationId: null });
  expect(await fixture.store.preflight(scope, 1)).toEqual([]);
});

test('which applications read already is left as it stands there, however it is written', async () => {
  const scope = await begin();
  const theirs = '{ "host": "db.internal", "username": "somebody", "password": "a-password-of-somebody" }\n';
  await putByHand(bare(), scope, theirs);

  await put(scope, credential);

  expect(await versionsOf(bare(), scope)).toHaveLength(1);
  expect(await textOf(bare(), scope, null)).toBe(theirs);
  expect(await fixture.store.preflight(scope, 1)).toEqual([]);
  const next = await fixture.begin(scope.plan.secret);
  const { version } = await fixture.store.putPending(next, documentFor(next));
  expect(await fixture.store.moveCurrent(next, { from: 1, to: version, previous: 1 })).toEqual({ current: version });
  expect(await fixture.store.moveCurrent(next, { from: version, to: 1, previous: null })).toEqual({ current: 1 });
  expect(await textOf(bare(), scope, null)).toBe(theirs);
});

test.each(['{"username":"somebody","password":"another-password-of-somebody"}', 'no credential at all'])(
  'which is not the one that applications read is refused, and nothing is written: %s',
  async (theirs) => {
    const scope = await begin();
    await putByHand(bare(), scope, theirs);

    expect(await errorOf(put(scope, credential))).toMatchObject({ code: 'VALUE_UNFIT' });

    expect(await textOf(bare(), scope, null)).toBe(theirs);
    expect(await versionsOf(fixture, scope)).toEqual([]);
  },
);

test('takes the place of a first credential that a rotation has undone, and is put once', async () => {
  const scope = await begin();
  const { version } = await fixture.store.putPending(scope, documentFor(scope));
  await fixture.store.moveCurrent(scope, { from: null, to: version, previous: null });
  await fixture.store.moveCurrent(scope, { from: version, to: null, previous: null });

  await put(scope, credential);

  expect(await textOf(bare(), scope, null)).toBe(credential);
  expect(await errorOf(put(scope, credential))).toMatchObject({ code: 'VERSION_EXISTS' });
});
