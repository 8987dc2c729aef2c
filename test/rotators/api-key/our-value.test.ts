import { inspect } from 'node:util';
import { type Credential, Secret } from 'keyturn/rotator';
import { expect, test } from 'vitest';
import { faults } from '../../support/scripted-provider.js';
import { textOf } from '../postgres/borrowed.js';
import { type BorrowedProvider, borrowProvider, ctxOf, ours } from './borrowed.js';

/** A name and a value as the rotator proposes them. */
async function proposed({ connection }: BorrowedProvider): Promise<Credential> {
  const { identity, value } = await connection.propose(null, ctxOf());
  return { identity, value: value! };
}

const answerTo = async ({ connection }: BorrowedProvider, credential: Credential): Promise<unknown> =>
  (await connection.probe(credential, ctxOf()))[0]?.answer;

test('a key is made under the name and with the value that were proposed, and answers with neither', async () => {
  const borrowed = await borrowProvider({ requests: ours });
  const credential = await proposed(borrowed);

  expect(await borrowed.connection.create(credential, ctxOf())).toEqual({ identity: credential.identity });

  expect(borrowed.provider.live()).toMatchObject([
    { id: 'keyturn-r1', secret: textOf(credential.value), note: expect.stringMatching(/^keyturn:[0-9a-f]{12}:r1$/) },
  ]);
  expect(await answerTo(borrowed, credential)).toBe('accepted');
  const another = Secret.fromText('another-value-0000000');
  expect(await answerTo(borrowed, { ...credential, value: another })).toBe('refused');
  expect(await answerTo(borrowed, { ...credential, identity: 'keyturn-r2' })).toBe('refused');
});

test('a create whose answer was lost is sent again, and the key is out of use at no time', async () => {
  const borrowed = await borrowProvider({ requests: ours });
  const { provider, connection } = borrowed;
  const credential = await proposed(borrowed);
  provider.fail('create', faults.doneAndCut);
  await expect(connection.create(credential, ctxOf())).rejects.toMatchObject({ facts: { outcome: 'unknown' } });
  expect(await answerTo(borrowed, credential)).toBe('accepted');

  await connection.create(credential, ctxOf('r1', { attempt: 2 }));

  expect(provider.live().map(({ id }) => id)).toEqual([credential.identity]);
  expect(provider.count('destroy')).toBe(0);
  expect(await answerTo(borrowed, credential)).toBe('accepted');
});

test('a name that somebody else has is refused, and theirs is left as it is', async () => {
  const borrowed = await borrowProvider({ requests: ours });
  const { provider, connection } = borrowed;
  const credential = await proposed(borrowed);
  const { secret } = provider.plant('theirs', { id: credential.identity });

  await expect(connection.create(credential, ctxOf())).rejects.toMatchObject({ code: 'PRINCIPAL_IN_USE' });

  expect(provider.live()).toMatchObject([{ name: 'theirs', secret, note: '' }]);
  expect(provider.count('create')).toBe(0);
});

test('a value that was proposed and got lost is asked for anew, and nothing is made without it', async () => {
  const { provider, connection } = await borrowProvider({ requests: ours });

  await expect(connection.create({ identity: 'keyturn-r1' }, ctxOf())).rejects.toMatchObject({
    code: 'VALUE_REJECTED',
  });
  expect(provider.seen).toEqual([]);
});

test('a name with a colon is not sent by basic authentication, which would end it there', async () => {
  const { provider, connection } = await borrowProvider({ requests: ours });
  const { id, secret } = provider.plant('theirs', { id: 'a:b' });

  expect(await connection.probe({ identity: id, value: Secret.fromText(secret) }, ctxOf())).toMatchObject([
    { answer: 'unknown', reason: 'the key could not be sent' },
  ]);
  expect(provider.count('trial')).toBe(0);
});

test('whatever fails, no error shows the value, plain or as basic authentication has it', async () => {
  const borrowed = await borrowProvider({ requests: ours, timeoutMs: 300 });
  const { provider, connection } = borrowed;
  const { identity, value } = await proposed(borrowed);
  const text = textOf(value);
  const basic = Buffer.from(`${identity}:${text}`).toString('base64');
  const shown: unknown[] = [];
  for (const fault of [faults.answer(500, { echo: [text, basic] }), faults.doneAndCut, faults.hang, faults.html()]) {
    provider.fail('create', fault);
    shown.push(await connection.create({ identity, value }, ctxOf()).catch((error: unknown) => error));
    provider.fail('trial', fault);
    shown.push(await connection.probe({ identity, value }, ctxOf()));
  }

  expect(shown).toHaveLength(8);
  const all = inspect(shown, { depth: Infinity, showHidden: true });
  for (const secret of [text, basic]) expect(all).not.toContain(secret);
  expect(provider.seen.map(({ path }) => path).join()).not.toContain(text);
});
