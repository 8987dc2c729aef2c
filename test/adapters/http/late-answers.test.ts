import type { ServerResponse } from 'node:http';
import { createProof } from 'keyturn/consumer';
import { describe, expect, test } from 'vitest';
import { httpConsumers } from '../../../src/adapters/http/consumers.js';
import { keyName } from '../../../src/adapters/http/signing.js';
import { renderCredential } from '../../../src/core/credential.js';
import type { PlannedConsumer } from '../../../src/core/plan.js';
import { Scrubber } from '../../../src/core/scrub.js';
import { Secret } from '../../../src/core/secret.js';
import type { ConsumerAnswer } from '../../../src/ports/step-ports.js';
import { challengedState } from '../postgres/challenged.js';
import { type Received, freshKey, receiver } from './receiver.js';

const value = 'Zm9v+mFy/mF6cXV4Zm9vYmFy';
const fields = { identity: 'username', value: 'password' };
const stored = (): Secret => renderCredential({ identity: 'app_b', value: Secret.fromText(value) }, fields);

type Data = Parameters<typeof createProof>[1];

/** How an application answers in the response. */
type Direct = (data: Data, response: ServerResponse) => void;

const laterAs =
  (instance: string): Direct =>
  (_, response) =>
    void response.writeHead(202).end(JSON.stringify({ instance }));
const later = laterAs('web-1');
const says =
  (answer: (data: Data) => object): Direct =>
  (data, response) =>
    void response.writeHead(200).end(JSON.stringify(answer(data)));
const proofOf = (data: Data, instance = 'web-1', held = value) => createProof(held, { ...data, instance });

/** A state database, and applications that are asked and may ack. */
async function askedPlace(
  direct: Direct = later,
  names: readonly string[] = ['web'],
  clean: (words: string) => string = (words) => words,
) {
  const state = await challengedState();
  const place = { ...state, direct, seen: [] as Data[] };
  const server = await receiver(({ body }: Received, response) => {
    const { data } = JSON.parse(body) as { readonly data: Data };
    place.seen.push(data);
    place.direct(data, response);
  });
  const consumers = names.map(
    (name): PlannedConsumer => ({ name, url: server.url, canary: true, required: true, cacheTtlMs: 0 }),
  );
  const { scope } = state;
  const port = httpConsumers({
    keys: new Map(names.map((name) => [keyName('prod:/asked', name), Secret.fromText(freshKey())])),
    allowPrivate: true,
    clean,
    challenges: state.challenges,
  });
  return Object.assign(place, {
    look: async (phase: 'canary' | 'drain' = 'drain', version = 7): Promise<readonly ConsumerAnswer[]> =>
      port.challenge({ ...scope, plan: { ...scope.plan, consumers } }, phase, version, stored()),
    /** Acks the newest challenge. */
    ack: async (words: (data: Data) => object, data = place.seen.at(-1)!) => state.acked(data.nonce, words(data)),
  });
}

const notYet = (consumer = 'web', instance = 'web-1'): ConsumerAnswer => ({
  ...{ consumer, instance, answer: 'pending', reason: 'it answered 202 and has not acked yet', late: true },
});
const proved = (instance = 'web-1') => ({ consumer: 'web', instance, answer: 'proved', reason: '' });
const lateProof = (instance = 'web-1') => ({ ...proved(instance), late: true, atMs: expect.any(Number) });
const proves =
  (instance = 'web-1', held = value) =>
  (data: Data) => ({ instance, proof: proofOf(data, instance, held) });

describe('a consumer that answers 202 with its instance', () => {
  test('has proved at the next look once it has acked, and again while its challenge is young', async () => {
    const place = await askedPlace();
    expect(await place.look()).toEqual([notYet()]);
    expect(await place.ack(proves())).toBe('received');

    const [answer] = await place.look();

    expect(answer).toEqual(lateProof());
    const [row] = await place.rowsOf(
      `SELECT keyturn.to_ms(issued_at) AS ms FROM keyturn.challenges WHERE nonce = '${place.seen[0]!.nonce}'`,
    );
    expect(answer?.atMs).toBe(row?.['ms']);
    expect(await place.look()).toEqual([lateProof()]);
    expect(await place.counted()).toEqual({ proved: 1 });
    await place.age(61);
    expect(await place.look()).toEqual([notYet()]);
  });

  test('is as young as the newest challenge it has acked', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves());
    await place.age(20);
    await place.look();
    await place.ack(proves());

    const [answer, ...others] = await place.look();

    expect(others).toEqual([]);
    const [row] = await place.rowsOf(
      `SELECT keyturn.to_ms(issued_at) AS ms FROM keyturn.challenges WHERE nonce = '${place.seen[1]!.nonce}'`,
    );
    expect(answer).toEqual({ ...lateProof(), atMs: row?.['ms'] });
  });

  test('may ack before the look is over, which counts at once', async () => {
    const place = await askedPlace();
    place.direct = (data, response) => {
      void place.acked(data.nonce, proves()(data)).then(() => later(data, response));
    };

    expect(await place.look()).toEqual([lateProof()]);
  });

  test('has said nothing where its proof is of another value, and that is written down', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves('web-1', 'an-older-value-of-this-one'));

    expect(await place.look()).toEqual([notYet()]);
    expect(await place.look()).toEqual([notYet()]);
    expect(await place.counted()).toEqual({ wrong: 1 });
    expect(await place.audited()).toMatchObject([
      { principal: 'web', reason: 'its proof is not one of this version', facts: { outcome: 'wrong' } },
    ]);
  });

  test.each<[string, (data: Data) => object]>([
    ['of another instance', (data) => ({ instance: 'web-2', proof: proofOf(data, 'web-1') })],
    ['of another phase', (data) => ({ instance: 'web-1', proof: proofOf({ ...data, phase: 'canary' }) })],
    ['of another version', (data) => ({ instance: 'web-1', proof: proofOf({ ...data, version: 6 }) })],
    ['of another rotation', (data) => ({ instance: 'web-1', proof: proofOf({ ...data, rotation: 'other' }) })],
    ['of another nonce', (data) => ({ instance: 'web-1', proof: proofOf({ ...data, nonce: 'other' }) })],
    ['that is none', () => ({ instance: 'web-1', proof: 'A'.repeat(43) })],
    ['whose instance is the value', () => ({ instance: value, proof: value })],
    ['that is nothing at all', () => []],
  ])('has said nothing by a proof %s', async (_, words) => {
    const place = await askedPlace();
    await place.look();
    await place.ack(words);

    expect(await place.look()).toEqual([notYet()]);
    expect(await place.counted()).toEqual({ wrong: 1 });
    expect(JSON.stringify(await place.audited())).not.toContain(value);
  });

  test('is turned away with the nonce of an earlier look once that has expired, and its proof counts for nothing', async () => {
    const place = await askedPlace();
    await place.look();
    await place.age(61);

    expect(await place.ack(proves())).toBe('expired');
    expect(await place.look()).toEqual([notYet()]);
  });

  test('that proves in time is not believed where the worker looks too late', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves());
    await place.age(61);

    expect(await place.look()).toEqual([notYet()]);
    expect(await place.counted()).toEqual({ proved: 1 });
  });

  test('has refused, however late the worker looks, and its words are looked over', async () => {
    const place = await askedPlace();
    await place.look('canary');
    await place.ack(() => ({ instance: 'web-1', refused: '28P01\nlogin refused' }));
    await place.age(300);

    const refused = { consumer: 'web', instance: 'web-1', answer: 'refused', reason: '28P01 login refused' };
    expect(await place.look('canary')).toMatchObject([refused]);
    // It may have been the last thing its worker did.
    expect(await place.look('canary')).toMatchObject([refused]);
    expect(await place.look('drain')).toEqual([notYet()]);
    await place.age(61);
    expect(await place.look('canary')).toEqual([notYet()]);
  });

  test('whose refusal quotes the value has refused without a word', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(() => ({ instance: 'web-1', refused: `login with ${value} was refused` }));

    expect(await place.look()).toMatchObject([
      { answer: 'refused', reason: 'its reason held a part of the value and was dropped' },
    ]);
    const rows = [await place.rowsOf('SELECT * FROM keyturn.challenges'), await place.audited()];
    expect(JSON.stringify(rows)).not.toContain(value);
  });

  test('whose refusal quotes another value that this process knows has refused without it', async () => {
    const known = new Scrubber();
    known.learn([Secret.fromText('what-it-had-before')]);
    const place = await askedPlace(later, ['web'], (words) => known.text(words));
    await place.look();
    await place.ack(() => ({ instance: 'web-1', refused: 'only what-it-had-before works' }));

    expect(await place.look()).toMatchObject([{ answer: 'refused', reason: 'only [secret] works' }]);
  });

  test('has refused, whatever else the same instance proves', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(() => ({ instance: 'web-1', refused: 'login refused' }));
    await place.look();
    await place.ack(proves());

    expect(await place.look()).toMatchObject([{ instance: 'web-1', answer: 'refused' }]);
  });

  test('takes no other along', async () => {
    const place = await askedPlace(later, ['web', 'job']);
    await place.look();
    const [{ consumer } = { consumer: '' }] = await place.rowsOf(
      `SELECT consumer FROM keyturn.challenges WHERE nonce = '${place.seen[0]!.nonce}'`,
    );
    await place.ack(proves(), place.seen[0]);

    const answers = await place.look();

    const other = consumer === 'web' ? 'job' : 'web';
    expect(answers).toEqual([notYet(other), { ...lateProof(), consumer }]);
  });
});

describe('one that answers in the response', () => {
  test.each<[string, (data: Data) => object]>([
    ['with pending', () => ({ instance: 'web-1', pending: true })],
    ['with a proof of an older value', (data) => proves('web-1', 'an-older-value-of-this-one')(data)],
  ])('%s does not hold what it proved by an ack before', async (_, answer) => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves());
    expect(await place.look()).toEqual([lateProof()]);
    place.direct = says(answer);

    expect(await place.look()).toMatchObject([{ instance: 'web-1', answer: 'pending' }]);
  });

  test('with pending of one instance is not proved by the ack of another', async () => {
    const place = await askedPlace(says(() => ({ instance: 'web-1', pending: true })));
    await place.look();
    await place.ack(proves('web-2'));

    expect(await place.look()).toEqual([
      { consumer: 'web', instance: 'web-1', answer: 'pending', reason: 'it does not use this version yet' },
      lateProof('web-2'),
    ]);
  });

  test('with a proof has answered: an ack of it is a replay, and its direct proof is the one that counts', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves());
    place.direct = says((data) => proves()(data));

    expect(await place.look()).toEqual([proved()]);
    expect(await place.ack(proves())).toBe('replayed');
  });

  test('with a refusal has refused, whatever it acked before', async () => {
    const place = await askedPlace();
    await place.look();
    await place.ack(proves());
    place.direct = says(() => ({ instance: 'web-1', refused: 'login refused' }));

    expect(await place.look()).toEqual([
      { consumer: 'web', instance: 'web-1', answer: 'refused', reason: 'login refused' },
    ]);
    expect(await place.ack(proves())).toBe('replayed');
  });

  test.each<[string, Direct]>([
    ['202 and a body that names nobody', (_, response) => void response.writeHead(202).end('accepted')],
    ['200 without a body', (_, response) => void response.writeHead(200).end()],
    ['204', (_, response) => void response.writeHead(204).end()],
  ])('%s is not one that answers later', async (_, direct) => {
    const place = await askedPlace(direct);
    await place.look();
    await place.ack(proves());

    expect(await place.look()).toEqual([
      { consumer: 'web', instance: null, answer: 'pending', reason: 'its answer could not be read' },
      lateProof(),
    ]);
  });
});

test('202 without a body says that it answers later and not who: whatever is acked, it has proved nothing', async () => {
  const place = await askedPlace((_, response) => void response.writeHead(202).end());
  await place.look();
  await place.ack(proves());

  expect(await place.look()).toMatchObject([
    { instance: null, answer: 'pending', reason: 'it answers later and does not say which instance it is' },
    lateProof(),
  ]);
});

test('of two instances behind one address the ack of one is not the word of the other', async () => {
  const place = await askedPlace();
  await place.look();
  await place.ack(proves());
  place.direct = laterAs('web-2');

  expect(await place.look()).toEqual([notYet('web', 'web-2'), lateProof()]);
});

test('once one has refused after the promotion nobody is waited for', async () => {
  const place = await askedPlace(() => undefined, ['web', 'job']);
  let count = 0;
  place.direct = (_, response) => {
    count += 1;
    // The other one never answers.
    if (count === 2) response.writeHead(200).end(JSON.stringify({ instance: 'web-1', refused: 'no login' }));
  };

  const answers = await place.look();

  expect(answers.map(({ answer }) => answer).toSorted()).toEqual(['refused', 'unreachable']);
});

test('canaries are waited for though one has refused: one may just be trying the version', async () => {
  const place = await askedPlace(() => undefined, ['web', 'job']);
  let second: (() => void) | undefined;
  place.direct = (data, response) => {
    if (second === undefined) {
      second = () => void response.writeHead(200).end(JSON.stringify(proves('job-1')(data)));
      return;
    }
    // The other one answers when the refusal has arrived and much else could have.
    response.once('finish', () => {
      void Promise.all(Array.from({ length: 50 }, async () => place.rowsOf('SELECT 1'))).then(second);
    });
    response.writeHead(200).end(JSON.stringify({ instance: 'web-1', refused: 'no login' }));
  };

  const answers = await place.look('canary');

  expect(answers.map(({ answer }) => answer).toSorted()).toEqual(['proved', 'refused']);
});

test('a nonce is known before it is sent, and only those that are sent', async () => {
  const place = await askedPlace();
  let known: unknown;
  place.direct = (data, response) => {
    void place.acks.find(data.nonce).then((found) => {
      known = found;
      later(data, response);
    });
  };

  await place.look('canary', 3);

  expect(known).toMatchObject({ consumer: 'web', phase: 'canary', version: 3, rotationId: 'asked-1', isOpen: true });
  expect(await place.rowsOf('SELECT FROM keyturn.challenges')).toHaveLength(1);
});
