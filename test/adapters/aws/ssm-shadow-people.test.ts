import { UnlabelParameterVersionCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../../src/ports/step-ports.js';
import { shadowPutFirst } from '../../../src/adapters/aws/ssm-first.js';
import { Secret } from '../../../src/core/secret.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';
import { documentFor, labelByHand, labelsOf, putByHand, staged, textOf } from './ssm-words.js';

// What people do to the parameter with the versions, beside the bare one.

let fixture: SsmFixture;

beforeAll(async () => {
  fixture = await ssmFixture({ staging: 'shadow' });
});

afterAll(() => fixture.close());

const bare = () => ({ ssm: fixture.ssm, nameOf: fixture.bareOf });

const readBare = async (scope: Scope): Promise<string | undefined> => textOf(bare(), scope, null);

test('a label on a version that somebody has put after ours, without a description, stays', async () => {
  const { store } = fixture;
  const { scope, old, pending } = await staged(fixture);
  // SSM keeps the description, and with it our mark.
  const theirs = await putByHand(fixture, scope);
  await labelByHand(fixture, scope, { label: 'current', version: theirs });

  expect(await store.moveCurrent(scope, { from: old, to: pending, previous: old })).toEqual({ current: theirs });

  expect(await labelsOf(fixture, scope)).toMatchObject({ current: theirs, pending });
  expect(await readBare(scope)).toBe(await textOf(fixture, scope, old));
});

describe('a version that repeats the value of another', () => {
  test('and has the label is the current one', async () => {
    const { store, ssm, begin, nameOf, clients, sends, keyring } = fixture;
    const { scope, old } = await staged(fixture);
    await ssm.byHand.send(
      new UnlabelParameterVersionCommand({ Name: nameOf(scope), ParameterVersion: old, Labels: ['current'] }),
    );
    const value = Secret.fromText((await readBare(scope)) ?? '');
    const again = await shadowPutFirst({ clients, sends, keyring, keyId: ssm.keyId, prefix: ssm.prefix }, scope, value);

    expect(await store.read(scope, 'current')).toMatchObject({ version: again });
    const next = await begin(scope.plan.secret);
    expect(await store.preflight(next, again)).toEqual([]);
    const { version } = await store.putPending(next, documentFor(next));
    expect(await store.moveCurrent(next, { from: again, to: version, previous: again })).toEqual({ current: version });
    expect(await store.moveCurrent(next, { from: version, to: again, previous: null })).toEqual({ current: again });
    expect(await labelsOf(fixture, scope)).toMatchObject({ current: again });
  });

  test('does not keep the way back from coming to its end', async () => {
    const { store, begin, freshSecret, ssm, clients, sends, keyring } = fixture;
    const first = await begin(await freshSecret());
    const parts = { clients, sends, keyring, keyId: ssm.keyId, prefix: ssm.prefix };
    const old = await shadowPutFirst(parts, first, documentFor(first));
    const scope = await begin(first.plan.secret);
    const { version } = await store.putPending(scope, documentFor(scope));
    await store.moveCurrent(scope, { from: old, to: version, previous: old });
    await putByHand(fixture, scope, await textOf(fixture, scope, old));

    expect(await store.moveCurrent(scope, { from: version, to: old, previous: null })).toEqual({ current: old });

    expect(await store.read(scope, 'current')).toMatchObject({ version: old });
    expect(await labelsOf(fixture, scope)).toMatchObject({ current: old });
  });
});
