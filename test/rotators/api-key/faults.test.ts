import { inspect } from 'node:util';
import { type Credential, Secret } from 'keyturn/rotator';
import { describe, expect, test } from 'vitest';
import { type Asked, type Fault, faults } from '../../support/scripted-provider.js';
import { textOf } from '../postgres/borrowed.js';
import { borrowProvider, ctxOf, made, proposal, requests, thrownBy, untagged } from './borrowed.js';

describe('a provider that asks to be left alone', () => {
  test('in seconds is told to the engine, which waits; nothing is asked again by ourselves', async () => {
    const { provider, connection } = await borrowProvider();
    for (let i = 0; i < 50; i += 1) {
      provider.fail('create', faults.answer(429, { error: 'slow down' }, { 'retry-after': '17' }));
    }
    for (let i = 0; i < 5; i += 1) {
      const { code, facts } = await thrownBy(connection.create(proposal, ctxOf()));
      expect(code).toBe('TARGET_THROTTLED');
      expect(facts).toMatchObject({ retryAfterMs: 17_000, outcome: 'none' });
    }
    expect(provider.count('create')).toBe(5);
  });

  test('until a date is told by the time of the database', async () => {
    const { provider, connection } = await borrowProvider();
    provider.fail('list', faults.answer(503, undefined, { 'retry-after': 'Fri, 27 Nov 2026 10:00:30 GMT' }));

    const { code, facts } = await thrownBy(
      connection.list(ctxOf('r1', { databaseTimeMs: Date.UTC(2026, 10, 27, 10) })),
    );

    expect(code).toBe('TARGET_THROTTLED');
    expect(facts).toMatchObject({ retryAfterMs: 30_000, outcome: 'none' });
  });

  test('by 503 to a create may have done it', async () => {
    const { provider, connection } = await borrowProvider();
    provider.fail('create', faults.doneBut(503));

    const { code, facts } = await thrownBy(connection.create(proposal, ctxOf()));

    expect([code, facts['outcome']]).toEqual(['TARGET_THROTTLED', 'unknown']);
  });

  test('of a trial is unknown', async () => {
    const borrowed = await borrowProvider();
    const key = await made(borrowed);
    borrowed.provider.fail('trial', faults.answer(429));

    expect(await borrowed.connection.probe(key, ctxOf())).toMatchObject([{ answer: 'unknown' }]);
  });

  test('is asked no faster than its definition says', async () => {
    const { open, provider } = await borrowProvider();
    // The second turn comes a thousand seconds after the first one.
    const connection = open({ requestsPerSecond: 0.001 });
    await connection.list(ctxOf());

    const { code, facts } = await thrownBy(connection.list(ctxOf('r1', { deadlineMs: 100 })));

    expect([code, facts['outcome']]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect(provider.count('list')).toBe(1);
  });
});

describe('a provider that allows so many keys', () => {
  test('and has them is found by preflight, with the count and the cure', async () => {
    const { provider, connection } = await borrowProvider({ maximum: 3 });
    for (let i = 0; i < 3; i += 1) provider.plant(`theirs ${i}`);

    expect(await connection.preflight(null, ctxOf())).toEqual([
      {
        sentence: 'it has 3 keys, and allows 3',
        cure: expect.stringMatching(/^Destroy a key at the target that nobody needs/),
      },
    ]);
    expect(await thrownBy(connection.create(proposal, ctxOf()))).toMatchObject({
      code: 'TARGET_FULL',
      facts: { finding: 'it has 3 keys, and allows 3' },
    });
    expect(provider.live()).toHaveLength(3);
    expect(provider.count('create')).toBe(0);
  });

  test('and says so itself is told as such where the definition names the answer', async () => {
    const classify = [{ status: 422, pointer: '/error/code', equals: 'too_many', request: 'create', means: 'quota' }];
    const { provider, connection } = await borrowProvider({ classify });
    provider.behaviour.maximum = 1;
    provider.plant('theirs');

    expect(await thrownBy(connection.create(proposal, ctxOf()))).toMatchObject({
      code: 'TARGET_FULL',
      facts: { finding: 'it answered 422 to create' },
    });
    expect(provider.live()).toHaveLength(1);
  });

  test('is not full for a key that this rotation has made and goes first', async () => {
    const borrowed = await borrowProvider({ maximum: 2 });
    const { provider, connection } = borrowed;
    provider.plant('theirs');
    await made(borrowed);

    expect(await connection.preflight(null, ctxOf())).toEqual([]);
    const { identity } = await made(borrowed);
    expect(provider.live().map(({ id }) => id)).toContain(identity);
    expect(provider.live()).toHaveLength(2);
  });
});

test('a current key with an id that the provider does not know is found before anything is changed', async () => {
  const { provider, connection } = await borrowProvider();
  const { secret } = provider.plant('by hand', { id: 'k1' });
  const held = (identity: string, value: string): Credential => ({ identity, value: Secret.fromText(value) });

  expect(await connection.preflight(held('k1', secret), ctxOf())).toEqual([]);
  expect(await connection.preflight(held('k2', secret), ctxOf())).toEqual([
    {
      sentence: expect.stringMatching(/lists none with the id/),
      cure: expect.stringMatching(/Put the credential again/),
    },
  ]);
  // One that was destroyed already, for a repair.
  expect(await connection.preflight(held('k2', 'refused-anyway-0000'), ctxOf())).toEqual([]);
});

test('an adopted key without a tag is destroyed where nobody is said to have made it, and only there', async () => {
  const { provider, connection } = await borrowProvider();
  const byHand = provider.plant('by hand');
  const ours = await connection.create(proposal, ctxOf());

  expect((await thrownBy(connection.destroy(byHand.id, { createdBy: 'r0' }, ctxOf()))).code).toBe('NOT_OURS');
  expect((await thrownBy(connection.destroy(ours.identity, { createdBy: null }, ctxOf()))).code).toBe('NOT_OURS');
  const elsewhere = ctxOf('r1', { secret: 'test:/other' });
  expect((await thrownBy(connection.destroy(ours.identity, { createdBy: 'r1' }, elsewhere))).code).toBe('NOT_OURS');
  expect((await thrownBy(connection.disable(ours.identity, elsewhere))).code).toBe('NOT_OURS');
  await connection.destroy(byHand.id, { createdBy: null }, ctxOf());

  expect(provider.live().map(({ id }) => id)).toEqual([ours.identity]);
});

describe('without tags, on an account that is ours alone', () => {
  const exclusive = { requests: untagged, exclusive: true };

  test('what was there before is known, `current` included', async () => {
    const { provider, connection } = await borrowProvider(exclusive);
    const first = provider.plant('first');

    expect(await connection.propose({ identity: 'unlisted' }, ctxOf())).toEqual({
      identity: 'keyturn-r1',
      existing: [first.id, 'unlisted'],
    });
    expect(await connection.list(ctxOf())).toEqual([{ identity: first.id, rotationId: null, live: true }]);
  });

  test('a key that was not there before is replaced', async () => {
    const { provider, connection } = await borrowProvider(exclusive);
    const first = provider.plant('first');
    const proposed = await connection.propose(null, ctxOf());
    provider.fail('create', faults.doneBut(500));
    await thrownBy(connection.create(proposed, ctxOf()));
    expect(provider.live()).toHaveLength(2);

    const { identity } = await connection.create(proposed, ctxOf('r1', { attempt: 2 }));

    expect(provider.live().map(({ id }) => id)).toEqual([first.id, identity]);
  });
});

test.each(['..', '.', ''])('the identity `%s` leads to no other path', async (identity) => {
  const { provider, open } = await borrowProvider();
  const { list: _, ...listless } = requests;
  const connection = open({ requests: listless, acceptOrphans: true });

  expect((await thrownBy(connection.destroy(identity, { createdBy: 'r1' }, ctxOf()))).code).toBe('NOT_OURS');
  expect(provider.seen).toEqual([]);
});

test('an identity is percent-encoded', async () => {
  const { provider, connection } = await borrowProvider();
  provider.plant('odd', { id: 'a/../b?c#d e' });

  await connection.destroy('a/../b?c#d e', { createdBy: null }, ctxOf());

  expect(provider.seen.at(-1)?.path).toBe('/keys/a%2F..%2Fb%3Fc%23d%20e');
  expect(provider.live()).toEqual([]);
});

test('whatever fails, no error shows a key or what we are known by', async () => {
  const borrowed = await borrowProvider({ timeoutMs: 300 });
  const { provider, connection } = borrowed;
  const key = await made(borrowed);
  const shown: unknown[] = [];
  const bad: readonly Fault[] = [
    faults.answer(500, { echo: [textOf(key.value), provider.admin.secret] }),
    faults.cut,
    faults.hang,
    faults.html(),
  ];
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    create: async () => connection.create(proposal, ctxOf('r2')),
    list: async () => connection.list(ctxOf()),
    destroy: async () => connection.destroy(key.identity, { createdBy: 'r1' }, ctxOf()),
    trial: async () => connection.probe(key, ctxOf()),
  };
  for (const [asked, call] of Object.entries(calls)) {
    for (const fault of bad) {
      provider.fail(asked as Asked, fault);
      shown.push(await call().catch((error: unknown) => error));
    }
  }

  const text = inspect(shown, { depth: Infinity, showHidden: true });
  expect(shown.length).toBe(16);
  for (const secret of [provider.admin.secret, ...provider.keys.map((each) => each.secret)])
    expect(text).not.toContain(secret);
  expect(provider.seen.map(({ path }) => path).join()).not.toContain(textOf(key.value));
});
