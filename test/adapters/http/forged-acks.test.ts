import { randomBytes } from 'node:crypto';
import { createProof } from 'keyturn/consumer';
import { expect, test } from 'vitest';
import { httpConsumers } from '../../../src/adapters/http/consumers.js';
import type { ConsumerFact } from '../../../src/core/canary.js';
import { factsAfter } from '../../../src/core/consumer-facts.js';
import { renderCredential } from '../../../src/core/credential.js';
import { judgeDrain } from '../../../src/core/drain.js';
import type { PlannedConsumer } from '../../../src/core/plan.js';
import { Secret } from '../../../src/core/secret.js';
import { Chance } from '../../sim/chance.js';
import { aMoment, drainFacts, expected } from '../../support/evidence.js';
import { aPlan, promptPolicy } from '../../support/plans.js';
import { challengedState } from '../postgres/challenged.js';
import { receiver } from './receiver.js';

type Data = Parameters<typeof createProof>[1];

const value = 'Zm9v+mFy/mF6cXV4Zm9vYmFy';
const fields = { identity: 'username', value: 'password' };
const document = JSON.stringify({ username: 'app_b', password: value });
const version = 7;
const seeds = 100;

/** A drain that waits for `web` and `job`, both of which answer later, and the challenges they were sent. */
async function drainOfTwo() {
  const state = await challengedState();
  const sent: { readonly consumer: string; readonly data: Data }[] = [];
  const server = async (consumer: string) =>
    receiver(({ body }, response) => {
      sent.push({ consumer, data: (JSON.parse(body) as { readonly data: Data }).data });
      response.writeHead(202).end(JSON.stringify({ instance: `${consumer}-1` }));
    });
  const consumers = await Promise.all(
    ['web', 'job'].map(async (name): Promise<PlannedConsumer> => {
      return { name, url: (await server(name)).url, canary: true, required: true, cacheTtlMs: 0 };
    }),
  );
  const port = httpConsumers({ keys: new Map(), allowPrivate: true, challenges: state.challenges });
  const scope = { ...state.scope, plan: { ...state.scope.plan, consumers } };
  let facts: readonly ConsumerFact[] = [];
  return {
    ...{ ...state, sent },
    /** A look of the gate, by the database's clock, as the workflow takes it: asks, and judges. */
    async look(): Promise<string> {
      const [{ ms } = { ms: 0 }] = await state.rowsOf('SELECT keyturn.to_ms(clock_timestamp()) AS ms');
      const [atMs, nowMs] = [Number(ms), Number(ms)];
      const stored = renderCredential({ identity: 'app_b', value: Secret.fromText(value) }, fields);
      const answers = await port.challenge({ ...scope, nowMs }, 'drain', version, stored);
      facts = factsAfter(answers, facts, { atMs, forgetAfterMs: 0 });
      const plan = aPlan({ consumers, policy: promptPolicy });
      const moment = aMoment({ nowMs, openedMs: nowMs });
      return judgeDrain({ plan, moment }, { expected, promotedMs: 0 }, drainFacts({ atMs, consumers: facts })).kind;
    },
    /** What the two were sent last. */
    newest: (consumer: string) => sent.findLast((each) => each.consumer === consumer)!.data,
    /** What a canary of this rotation was asked, and what was proved to it: anybody may have seen that. */
    async canary(): Promise<readonly Data[]> {
      const before = sent.length;
      await port.challenge(
        scope,
        'canary',
        version,
        renderCredential({ identity: 'app_b', value: Secret.fromText(value) }, fields),
      );
      return sent.splice(before).map(({ data }) => data);
    },
  };
}

/** A proof by somebody who has seen whatever goes over the wire, and holds no credential that is asked for. */
function forged(chance: Chance, data: Data, seen: readonly Data[]): string {
  const instance = data.instance;
  const other = { ...chance.pick(seen), instance };
  return chance.pick([
    () => randomBytes(32).toString('base64url'),
    () => createProof(chance.pick(['', 'app_b', document, 'the-old-value-of-it-all', value.slice(1)]), data),
    // Made by an honest holder for something else.
    () => createProof(value, other),
    () => createProof(value, { ...data, nonce: other.nonce }),
    () => createProof(value, { ...data, phase: 'canary' }),
    () => createProof(value, { ...data, version: chance.pick([6, 8, 77]) }),
    () => createProof(value, { ...data, rotation: 'another-rotation' }),
    () => createProof(value, { ...data, secret: 'prod:/other' }),
    () => createProof(value, { ...data, environment: 'staging' }),
    () => createProof(value, { ...data, instance: `${instance}0` }),
  ])();
}

test('no set of acks made without the credential closes a drain, whoever else has proved', async () => {
  const place = await drainOfTwo();
  const canaries = await place.canary();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const chance = new Chance(seed);
    // One of them may prove: the other is still waited for.
    const honest = chance.pick(['web', 'job', undefined]);
    expect([seed, await place.look()]).toEqual([seed, 'wait']);
    for (let tries = 0; tries < 4; tries += 1) {
      const consumer = chance.pick(['web', 'job']);
      const data = { ...place.newest(consumer), instance: chance.pick(['web-1', 'job-1', 'x']) };
      const seen = [...place.sent.map((each) => each.data).filter(({ nonce }) => nonce !== data.nonce), ...canaries];
      const proof = consumer === honest ? createProof(value, data) : forged(chance, data, seen);
      await place.acked(data.nonce, { instance: data.instance, proof });
    }
    expect([seed, await place.look()]).toEqual([seed, 'wait']);
    // The proofs of the honest one must not help the next.
    await place.age(61);
  }
  const { wrong = 0, proved = 0, replayed = 0 } = await place.counted();
  expect(Math.min(wrong, proved, replayed)).toBeGreaterThan(0);
});

test('the acks of both, made with the credential, close it', async () => {
  const place = await drainOfTwo();
  expect(await place.look()).toBe('wait');
  for (const consumer of ['web', 'job']) {
    const data = { ...place.newest(consumer), instance: `${consumer}-1` };
    await place.acked(data.nonce, { instance: data.instance, proof: createProof(value, data) });
  }

  expect(await place.look()).toBe('pass');
});
