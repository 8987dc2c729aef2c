import { inspect } from 'node:util';
import { type Credential, type ErrorFacts, Secret, isKeyturnError } from 'keyturn/rotator';
import { describe, expect, test } from 'vitest';
import { type Asked, type Fault, faults } from '../../support/scripted-provider.js';
import { textOf } from '../postgres/borrowed.js';
import { type BorrowedProvider, borrowProvider, ctxOf, requests, untagged } from './borrowed.js';

/** The code and the facts of what a call throws. Fails where it throws nothing, or something that is not of the catalogue. */
async function thrownBy(promise: Promise<unknown>): Promise<{ readonly code: string; readonly facts: ErrorFacts }> {
  const error: unknown = await promise.then(
    () => new Error('it threw nothing'),
    (thrown: unknown) => thrown,
  );
  if (!isKeyturnError(error)) throw error;
  return { code: error.code, facts: error.facts };
}

const proposal = { identity: 'keyturn-r1' };

async function made({ connection }: BorrowedProvider, rotationId = 'r1'): Promise<Credential> {
  const { identity, value } = await connection.create({ identity: `keyturn-${rotationId}` }, ctxOf(rotationId));
  return { identity, value: value! };
}

describe('a create', () => {
  const fails: readonly (readonly [string, Fault, string, RegExp])[] = [
    [
      'answered without the value',
      faults.doneWith((body) => ({ ...(body as object), secret: undefined })),
      'unknown',
      /nothing at \/secret/,
    ],
    ['answered without the identity', faults.doneWith(() => ({ secret: 'x' })), 'unknown', /nothing at \/data\/id/],
    [
      'answered with an empty value',
      faults.doneWith((body) => ({ ...(body as object), secret: '' })),
      'unknown',
      /at \/secret .*no text/,
    ],
    [
      'answered by 200 and an error in the body',
      faults.answer(200, { error: 'quota' }),
      'unknown',
      /nothing at \/data\/id/,
    ],
    ['answered by HTML', faults.html(), 'unknown', /not JSON \(text\/html\)/],
    ['answered by 10 MB', faults.huge(10_000_000), 'unknown', /longer than 1048576 bytes/],
    ['answered by 500 though it was done', faults.doneBut(500, { error: 'oops' }), 'unknown', /answered 500/],
    [
      'answered by a redirect',
      faults.answer(302, undefined, { location: 'https://evil.example/p?key=1' }),
      'unknown',
      /302, a redirect to https:\/\/evil\.example, and/,
    ],
    ['answered by 418', faults.answer(418), 'unknown', /answered 418, which is not expected/],
  ];
  test.each(fails)('%s is unknown, and says what was wrong without quoting it', async (_, fault, outcome, finding) => {
    const { provider, connection } = await borrowProvider();
    provider.fail('create', fault);

    const { code, facts } = await thrownBy(connection.create(proposal, ctxOf()));

    expect(code).toBe('ANSWER_UNREADABLE');
    expect(facts).toMatchObject({ request: 'create', outcome, finding: expect.stringMatching(finding) });
    for (const { secret } of provider.keys) expect(JSON.stringify(facts)).not.toContain(secret);
  });

  test.each([
    ['cut off before it was done', faults.cut],
    ['cut off after it was done', faults.doneAndCut],
    ['never answered', faults.hang],
  ])('%s is unknown', async (_, fault) => {
    const { provider, open } = await borrowProvider();
    provider.fail('create', fault);

    const { code, facts } = await thrownBy(open({ timeoutMs: 300 }).create(proposal, ctxOf()));

    expect(code).toBe('TARGET_UNREACHABLE');
    expect(facts).toMatchObject({ outcome: 'unknown' });
  });

  test('whose call has ended is given up and unknown', async () => {
    const { provider, connection } = await borrowProvider();
    const call = new AbortController();
    provider.fail('create', () => call.abort());

    const { code, facts } = await thrownBy(connection.create(proposal, ctxOf('r1', { signal: call.signal })));

    expect([code, facts['outcome']]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
  });

  test('that was done and answered by 500 leaves a key that the next one replaces', async () => {
    const borrowed = await borrowProvider();
    const { provider, connection } = borrowed;
    provider.fail('create', faults.doneBut(500));
    await thrownBy(connection.create(proposal, ctxOf()));
    expect(await connection.list(ctxOf())).toHaveLength(1);

    const { identity } = await connection.create(proposal, ctxOf('r1', { attempt: 2 }));

    expect(provider.live().map(({ id }) => id)).toEqual([identity]);
  });

  test('of a provider that was not reached has done nothing for certain', async () => {
    const { open } = await borrowProvider();

    const { code, facts } = await thrownBy(open({ baseUrl: 'http://127.0.0.1:1' }).create(proposal, ctxOf()));

    expect([code, facts['outcome']]).toEqual(['TARGET_UNREACHABLE', 'none']);
  });

  test('gives a key the time that it needs to be active', async () => {
    const { provider, open } = await borrowProvider({ activationMs: 5_000 });
    const connection = open();
    provider.behaviour.activation = 2;

    const { identity, value } = await connection.create(proposal, ctxOf());

    expect(await connection.verify({ identity, value: value! }, ctxOf())).toMatchObject([{ answer: 'accepted' }]);
    expect(provider.count('trial')).toBe(4);
  });
});

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

test('a key is tried where less is left of the call than a request may take', async () => {
  const { connection } = await borrowProvider();
  const proposal = await connection.propose(null, ctxOf());
  const { identity, value } = await connection.create(proposal, ctxOf());

  const answers = await connection.probe({ identity, value: value! }, ctxOf('r1', { deadlineMs: 5_000 }));

  expect(answers).toMatchObject([{ answer: 'accepted' }]);
});

describe('a trial that is answered', () => {
  test.each<[string, Fault, string]>([
    ['by 403', faults.answer(403), 'unknown'],
    ['by 404', faults.answer(404), 'unknown'],
    ['by 500', faults.answer(500), 'unknown'],
    ['by HTML with 500', faults.html(500), 'unknown'],
    ['by a redirect', faults.answer(302, undefined, { location: '/login' }), 'unknown'],
    ['by nothing', faults.hang, 'unknown'],
    ['by 401', faults.answer(401), 'refused'],
  ])('%s is %s', async (_, fault, answer) => {
    const borrowed = await borrowProvider({ timeoutMs: 300 });
    const key = await made(borrowed);
    borrowed.provider.fail('trial', fault);

    expect(await borrowed.connection.probe(key, ctxOf())).toMatchObject([{ answer }]);
  });

  test('by 200 with an error in the body is refused where the definition reads the body', async () => {
    const ok = { status: 200, pointer: '/ok', equals: true };
    const verify = { ...requests.verify, accepted: [ok], refused: [{ ...ok, equals: false }] };
    const borrowed = await borrowProvider({ requests: { ...requests, verify } });
    const key = await made(borrowed);
    const ask = async (): Promise<string | undefined> => (await borrowed.connection.probe(key, ctxOf()))[0]?.answer;
    borrowed.provider.fail('trial', faults.answer(200, { ok: false }), faults.answer(200, {}), faults.html());

    expect([await ask(), await ask(), await ask(), await ask()]).toEqual(['refused', 'unknown', 'unknown', 'accepted']);
  });
});

describe('a list', () => {
  test.each<[string, Fault, RegExp]>([
    ['by HTML', faults.html(), /not JSON/],
    ['by something without items', faults.answer(200, { items: [] }), /nothing at \/keys/],
    ['by items that are no list', faults.answer(200, { keys: {} }), /no list/],
    ['by an item without an identity', faults.answer(200, { keys: [{ note: 'x' }] }), /no identity at \/id/],
    ['by 404', faults.answer(404), /answered 404/],
    ['by 10 MB', faults.huge(10_000_000), /longer than/],
    ['a byte at a time', faults.drip, /not come to an end/],
    [
      'by a next page elsewhere',
      faults.answer(200, { keys: [] }, { link: '<https://evil.example/keys>; rel="next"' }),
      /another origin \(https:\/\/evil\.example\)/,
    ],
  ])('that is answered %s is no empty list', async (_, fault, finding) => {
    const { provider, open } = await borrowProvider({
      timeoutMs: 400,
      requests: { ...requests, list: { ...requests.list, paging: { kind: 'link' } } },
    });
    provider.fail('list', fault);

    const { code, facts } = await thrownBy(open().list(ctxOf()));

    expect(code).toBe('ANSWER_UNREADABLE');
    expect(facts).toMatchObject({ request: 'list', outcome: 'none', finding: expect.stringMatching(finding) });
  });

  test.each([
    ['linked', { kind: 'link' }],
    ['by cursor', { kind: 'cursor', pointer: '/next', parameter: 'cursor' }],
    ['numbered', { kind: 'page', parameter: 'page' }],
  ])('of many pages, %s, is read to its end', async (_, paging) => {
    const borrowed = await borrowProvider({ requests: { ...requests, list: { ...requests.list, paging } } });
    borrowed.provider.behaviour.pageSize = 2;
    for (let i = 0; i < 7; i += 1) borrowed.provider.plant(`theirs ${i}`);
    const key = await made(borrowed);

    expect(await borrowed.connection.list(ctxOf())).toEqual([{ identity: key.identity, rotationId: 'r1', live: true }]);
  });

  test('whose pages are all the same is no list', async () => {
    const { provider, open } = await borrowProvider();
    provider.plant('theirs');
    const paging = { kind: 'page', parameter: 'ignored' };

    const { facts } = await thrownBy(
      open({ requests: { ...requests, list: { ...requests.list, paging } } }).list(ctxOf()),
    );

    expect(facts).toMatchObject({ finding: 'its next page is the same again' });
  });

  test('that lags behind a create is given its time, so that the key is found', async () => {
    const { provider, open } = await borrowProvider({
      requests: { ...requests, list: { ...requests.list, lagMs: 400 } },
    });
    provider.behaviour.listLagMs = 300;
    provider.fail('create', faults.doneAndCut);
    await thrownBy(open().create(proposal, ctxOf()));
    expect(await open().list(ctxOf('r1', { step: 'watch' }))).toEqual([]);

    expect(await open().list(ctxOf('r1', { step: 'create' }))).toHaveLength(1);
  });

  test('that lags behind a create makes nobody believe that a key is gone', async () => {
    const { provider, open } = await borrowProvider({
      requests: { ...requests, list: { ...requests.list, lagMs: 400 } },
    });
    provider.behaviour.listLagMs = 300;
    const connection = open();
    const { identity } = await connection.create(proposal, ctxOf());

    await connection.destroy(identity, { createdBy: 'r1' }, ctxOf('r1', { step: 'destroy' }));

    expect(provider.live()).toEqual([]);
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

test('a trial that is answered by 200 and nobody is refused where the definition says so, and HTML says nothing', async () => {
  const verify = {
    ...requests.verify,
    accepted: [{ status: 200, pointer: '/ok', equals: true }],
    refused: [{ status: 200, pointer: '/ok', absent: true }],
  };
  const borrowed = await borrowProvider({ requests: { ...requests, verify } });
  const key = await made(borrowed);
  const ask = async (): Promise<string | undefined> => (await borrowed.connection.probe(key, ctxOf()))[0]?.answer;
  borrowed.provider.fail('trial', faults.answer(200, {}), faults.html(), faults.answer(200, { ok: false }));

  expect([await ask(), await ask(), await ask(), await ask()]).toEqual(['refused', 'unknown', 'unknown', 'accepted']);
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
