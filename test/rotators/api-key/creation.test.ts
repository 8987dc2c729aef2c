import { describe, expect, test } from 'vitest';
import { type Fault, faults } from '../../support/scripted-provider.js';
import { textOf } from '../postgres/borrowed.js';
import { borrowProvider, ctxOf, proposal, thrownBy } from './borrowed.js';

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

  test('whose call ends while the key is not active yet has made it, and hands it back', async () => {
    const { provider, open } = await borrowProvider({ activationMs: 5_000 });
    const connection = open();
    const call = new AbortController();
    provider.fail('trial', (response) => {
      response.writeHead(401).end();
      call.abort();
    });

    const { identity, value } = await connection.create(proposal, ctxOf('r1', { signal: call.signal }));

    expect(provider.live().map(({ id, secret }) => [id, secret])).toEqual([[identity, textOf(value!)]]);
  });
});
