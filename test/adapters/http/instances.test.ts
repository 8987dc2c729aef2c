import type { ServerResponse } from 'node:http';
import { answerChallenge } from 'keyturn/consumer';
import { describe, expect, test } from 'vitest';
import { httpConsumers } from '../../../src/adapters/http/consumers.js';
import { keyName } from '../../../src/adapters/http/signing.js';
import { renderCredential } from '../../../src/core/credential.js';
import type { PlannedConsumer } from '../../../src/core/plan.js';
import { Secret } from '../../../src/core/secret.js';
import type { RegisteredInstance } from '../../../src/ports/instances.js';
import { scopeOf } from '../store/store-fixture.js';
import { type Received, freshKey, receiver } from './receiver.js';

const key = freshKey();
const value = 'Zm9v+mFy/mF6cXV4Zm9vYmFy';
const stored = () =>
  renderCredential({ identity: 'app_b', value: Secret.fromText(value) }, { identity: 'username', value: 'password' });

/** One instance of an application, which holds the value or does not. */
const instance =
  (name: string, holds = true) =>
  async ({ body, headers }: Received, response: ServerResponse): Promise<void> => {
    const answer = await answerChallenge({
      ...{ body, headers, key, instance: name, environment: 'prod' },
      held: () => (holds ? { kind: 'uses', value } : { kind: 'pending' }),
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };

/** Who answers next behind one address. */
function turns(...answers: readonly ReturnType<typeof instance>[]) {
  let next = 0;
  return async (received: Received, response: ServerResponse): Promise<void> => {
    const answer = answers[next % answers.length];
    next += 1;
    return answer?.(received, response);
  };
}

async function asked(declared: Partial<PlannedConsumer>, registered: readonly RegisteredInstance[] = []) {
  const consumers = httpConsumers({
    keys: new Map([[keyName('prod:/billing/db', 'app'), Secret.fromText(key)]]),
    allowPrivate: true,
    timeoutMs: 5_000,
    instances: { registered: async () => registered },
  });
  const app = { name: 'app', url: null, canary: false, required: true, cacheTtlMs: 0, ...declared };
  const scope = scopeOf('prod:/billing/db', 'r1', 1, { consumers: [app] });
  const answers = await consumers.challenge(scope, 'drain', 7, stored());
  return [...answers].sort((one, other) => `${one.instance}`.localeCompare(`${other.instance}`));
}

const proved = (name: string) => ({ consumer: 'app', instance: name, answer: 'proved', reason: '' });
const there = (name: string, url: string | null = null): RegisteredInstance => ({
  consumer: 'app',
  instance: name,
  url,
  hasLeft: false,
});
const missing = (name: string, reason: string) => ({
  ...{ consumer: 'app', instance: name, answer: 'unreachable', reason },
  unheard: true,
});

describe('an application of so many instances', () => {
  test('is asked as often at its one address, each time by another nonce', async () => {
    const server = await receiver(turns(instance('a'), instance('b'), instance('c')));

    expect(await asked({ url: server.url, instances: 3 })).toEqual(['a', 'b', 'c'].map(proved));
    const nonces = server.received.map(({ body }) => (JSON.parse(body) as { data: { nonce: string } }).data.nonce);
    expect(new Set(nonces).size).toBe(3);
  });

  test('has one answer for each that answers', async () => {
    const server = await receiver(turns(instance('a'), instance('b')));

    expect(await asked({ url: server.url, instances: 5 })).toEqual(['a', 'b'].map(proved));
  });

  test('is not proved by an instance that also says that it does not hold the version', async () => {
    const server = await receiver(turns(instance('a'), instance('a', false)));

    expect(await asked({ url: server.url, instances: 2 })).toMatchObject([{ instance: 'a', answer: 'pending' }]);
  });
});

describe('an application whose instances register', () => {
  test('is asked instance by instance where each has said its address', async () => {
    const [a, b] = [await receiver(instance('a')), await receiver(instance('b', false))];

    expect(await asked({ instances: 'registered' }, [there('a', a.url), there('b', b.url)])).toMatchObject([
      proved('a'),
      { instance: 'b', answer: 'pending' },
    ]);
    expect([a.received.length, b.received.length]).toEqual([1, 1]);
  });

  test('waits by name for one that is not reached at its address', async () => {
    const a = await receiver(instance('a'));

    expect(await asked({ instances: 'registered' }, [there('a', a.url), there('b', 'http://127.0.0.1:1/')])).toEqual([
      proved('a'),
      { consumer: 'app', instance: 'b', answer: 'unreachable', reason: 'ECONNREFUSED' },
    ]);
  });

  test('is not proved for one by another that answers at its address', async () => {
    const a = await receiver(instance('a'));

    expect(await asked({ instances: 'registered' }, [there('a', a.url), there('b', a.url)])).toEqual([
      proved('a'),
      missing('b', 'another answers at its address'),
    ]);
  });

  test('is asked at its own address as often as there are instances without one', async () => {
    const server = await receiver(turns(instance('a'), instance('b')));

    const registered = [there('a'), there('b'), there('c')];
    expect(await asked({ url: server.url, instances: 'registered' }, registered)).toEqual([
      proved('a'),
      proved('b'),
      missing('c', 'it has registered and did not answer'),
    ]);
    expect(server.received).toHaveLength(3);
  });

  test('does not ask one that has gone, and says that it has', async () => {
    const a = await receiver(instance('a'));

    const gone = { ...there('b', 'http://127.0.0.1:1/'), hasLeft: true };
    expect(await asked({ instances: 'registered' }, [there('a', a.url), gone])).toEqual([
      proved('a'),
      { consumer: 'app', instance: 'b', answer: 'unreachable', reason: 'it has gone', gone: true },
    ]);
  });

  test('is asked at its address where nobody has registered, and is waited for where it has none', async () => {
    const server = await receiver(instance('a'));

    expect(await asked({ url: server.url, instances: 'registered' })).toEqual([proved('a')]);
    expect(await asked({ instances: 'registered' })).toMatchObject([
      { answer: 'pending', reason: 'it has no address' },
    ]);
  });
});
