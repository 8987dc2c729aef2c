import { describe, expect, test } from 'vitest';
import { type Fault, faults } from '../../support/scripted-provider.js';
import { borrowProvider, ctxOf, made, requests } from './borrowed.js';

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
    // A page that asks for a login, of the provider or of a proxy before it, is shown to whoever comes.
    ['by HTML with 200', faults.html(), 'unknown'],
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
