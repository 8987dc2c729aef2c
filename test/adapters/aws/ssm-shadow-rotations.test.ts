import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseCredential } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';
import type { ProxiedRequest } from '../../support/ssm/fault-proxy.js';
import { aRotation, leaseMs, pausedWith } from './rotation-over-ssm.js';
import { settleMs } from './ssm-fixture.js';
import { labelsOf, putByHand, textOf, versionsOf } from './ssm-words.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

type Rotation = Awaited<ReturnType<typeof aRotation>>;

/** What `GetParameter` of the bare name gives, as an application uses it. */
async function credentialOf({ bare, scope, plan }: Pick<Rotation, 'bare' | 'scope' | 'plan'>) {
  const text = (await textOf(bare, scope, null)) ?? '';
  return parseCredential(Secret.fromText(text), plan.fields, plan.path);
}

const isBarePut = ({ operation, input }: ProxiedRequest): boolean =>
  operation === 'PutParameter' && !String(input['Name']).endsWith('.keyturn');

const barePuts = ({ proxy }: Rotation): number => proxy.requests.filter(isBarePut).length;

test('an application that reads the bare name can log in with it at every moment of a rotation', async () => {
  const rotation = await aRotation('shadow');
  const { worker, toEnd, proxy, outside, scope, memory, pass } = rotation;
  const seen: string[] = [];
  const logIn = async (): Promise<void> => {
    const credential = await credentialOf(rotation);
    expect(memory.target.accepts(credential)).toBe(true);
    if (seen.at(-1) !== credential.identity) seen.push(credential.identity);
  };
  // Before each call to the store, and whenever the engine rests.
  proxy.plant({ kind: 'first', does: logIn }, { times: Number.POSITIVE_INFINITY });
  const ring = worker('one');

  expect(
    await toEnd(async () => {
      await logIn();
      return ring();
    }),
  ).toBe('completed');

  pass(1_000);
  await logIn();
  expect(seen).toEqual(['billing_a', 'billing_b']);
  expect(memory.target.live()).toEqual(['billing_b']);
  expect(proxy.count('PutParameter')).toBe(2);
  expect(barePuts(rotation)).toBe(1);
  expect(await versionsOf(outside, scope)).toHaveLength(2);
  expect(await labelsOf(outside, scope)).toEqual({ current: 2, previous: 1 });
});

test.each(['lose-answer', 'reset'] as const)(
  'a connection that is killed (%s) as the promotion is put leaves one more version there when the rotation has ended',
  async (kind) => {
    const rotation = await aRotation('shadow');
    const { worker, toEnd, proxy, bare, scope, memory } = rotation;
    proxy.plant({ kind }, { when: isBarePut });

    expect(await toEnd(worker('one'))).toBe('completed');

    expect(await versionsOf(bare, scope)).toHaveLength(2);
    expect((await credentialOf(rotation)).identity).toBe('billing_b');
    expect(memory.target.live()).toEqual(['billing_b']);
  },
);

describe.each(['', 'lose-answer', 'reset'] as const)('a rotation that turns back after its promotion (%s)', (kind) => {
  test('ends with the value of before under the bare name', async () => {
    const rotation = await aRotation('shadow');
    const { worker, toEnd, proxy, outside, scope, memory, kinds, plan, old } = rotation;
    const ring = worker('one');
    // As soon as applications read the new credential somebody cancels.
    proxy.plant(
      {
        kind: 'first',
        does: () => memory.state.command({ rotationId: plan.rotationId, kind: 'cancel', by: 'ada', reason: 'a test' }),
      },
      { operation: 'UnlabelParameterVersion' },
    );
    if (kind !== '') proxy.plant({ kind }, { when: (request) => isBarePut(request) && barePuts(rotation) > 1 });

    expect(await toEnd(ring)).toBe('cancelled');

    expect(kinds()).toContain('RollbackDecided');
    expect((await credentialOf(rotation)).identity).toBe(old.identity);
    expect(memory.target.live()).toEqual(['billing_a']);
    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
    expect(barePuts(rotation)).toBe(kind === 'reset' ? 3 : 2);
  });
});

describe('the put of a paused executor that promotes after the roll-back', () => {
  test('finds the rotation open, which ends only when the bare name has the value of before for good', async () => {
    const rotation = await pausedWith('PutParameter', isBarePut, 'shadow');
    const { next, paused, pass, release, landed, intendedMs, status, memory, outside, scope, old } = rotation;
    const bound = intendedMs('promote') + settleMs;
    for (let minutes = 0; minutes < 4; minutes += 1) {
      expect(status(await next())).toBe('rolling_back');
      expect((await credentialOf(rotation)).identity).toBe(old.identity);
      pass(60_000);
    }
    release();
    await landed;
    await paused;
    // Consumers read what is being undone, and it works.
    expect((await credentialOf(rotation)).identity).toBe('billing_b');
    expect([...memory.target.live()].sort()).toEqual(['billing_a', 'billing_b']);

    let now = status(await next());
    for (let rings = 0; rings < 60 && now === 'rolling_back'; rings += 1) {
      expect(memory.target.accepts(await credentialOf(rotation))).toBe(true);
      pass(10_000);
      now = status(await next());
    }

    expect(now).toBe('cancelled');
    expect(memory.clock.nowMs()).toBeGreaterThanOrEqual(bound);
    expect((await credentialOf(rotation)).identity).toBe(old.identity);
    expect(memory.target.live()).toEqual(['billing_a']);
    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
    expect(barePuts(rotation)).toBe(2);
  });

  test('and is older than the bound is refused by the store', async () => {
    const rotation = await pausedWith('PutParameter', isBarePut, 'shadow');
    const { next, paused, pass, release, landed, toEnd, old } = rotation;
    expect(await toEnd(next)).toBe('cancelled');

    pass(1_000);
    release();
    await landed;
    await paused;

    expect((await credentialOf(rotation)).identity).toBe(old.identity);
    expect(barePuts(rotation)).toBe(1);
  });

  test('is waited for by who promotes in its place', async () => {
    const rotation = await aRotation('shadow');
    const { proxy, worker, pass, toEnd, bare, scope } = rotation;
    const { held, landed, release } = proxy.hold({ when: isBarePut });
    const paused = worker('paused')();
    await held;
    pass(leaseMs + 1_000);
    const next = worker('next');
    await next();
    expect(barePuts(rotation)).toBe(1);
    release();
    await landed;
    await paused;

    expect(await toEnd(next)).toBe('completed');

    expect(barePuts(rotation)).toBe(1);
    expect(await versionsOf(bare, scope)).toHaveLength(2);
    expect((await credentialOf(rotation)).identity).toBe('billing_b');
  });
});

test('a value that somebody puts under the bare name parks the rotation, and stays', async () => {
  const rotation = await aRotation('shadow');
  const { proxy, worker, status, bare, scope, memory, pass } = rotation;
  proxy.plant(
    { kind: 'first', does: async () => void (await putByHand(bare, scope)) },
    { operation: 'PutParameter', when: (request) => !isBarePut(request) },
  );
  const ring = worker('one');
  let now = '';
  for (let rings = 0; rings < 40 && now !== 'parked'; rings += 1) {
    now = status(await ring());
    pass(1_000);
  }

  expect(now).toBe('parked');
  expect(barePuts(rotation)).toBe(0);
  expect(await textOf(bare, scope, null)).toContain('theirs');
  expect([...memory.target.live()].sort()).toEqual(['billing_a', 'billing_b']);
});
