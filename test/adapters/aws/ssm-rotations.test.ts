import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { memoryPorts } from '../../../src/adapters/memory/ports.js';
import { ssmClients } from '../../../src/adapters/aws/ssm-client.js';
import { ssmStore } from '../../../src/adapters/aws/ssm-store.js';
import { openSecret, Secret } from '../../../src/core/secret.js';
import { renderCredential } from '../../../src/core/credential.js';
import { defaultPolicy } from '../../../src/core/policy.js';
import { isOpen } from '../../../src/core/rotation.js';
import { type Advanced, advance } from '../../../src/engine/advance.js';
import { perform } from '../../../src/engine/perform.js';
import type { Bound, StorePort } from '../../../src/ports/step-ports.js';
import stagedRotation from '../../../workflows/staged-rotation.js';
import { aPlan, ableCapabilities, promptPolicy } from '../../support/plans.js';
import { FaultProxy } from '../../support/ssm/fault-proxy.js';
import { ourServer } from '../../support/ssm/ssm-under-test.js';
import { freshKeyring, scopeOf } from '../store/store-fixture.js';
import { memorySends } from './memory-sends.js';
import { settleMs } from './ssm-fixture.js';
import { labelByHand, labelsOf, versionsOf } from './ssm-words.js';

// Whole rotations over SSM. State and target are in memory, and their clock is the clock of this process as well: workers,
// the database and the server that stands for AWS all see the time that a test makes pass. The server judges the age of a
// signature by it, as AWS does.

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const leaseMs = 5_000;

/** A secret with a first credential, and a rotation of it that was accepted. */
async function aRotation() {
  const memory = memoryPorts({ capabilities: ableCapabilities, endpoints: ['one'] });
  const pass = (ms: number): void => {
    memory.clock.pass(Math.ceil(ms));
    vi.setSystemTime(memory.clock.nowMs());
  };
  pass(performance.timeOrigin + performance.now() - memory.clock.nowMs());
  const ssm = await ourServer({ nowMs: () => Date.now() });
  const proxy = await FaultProxy.start(ssm.endpoint);
  const place = { region: ssm.region, endpoint: proxy.endpoint, ...credentialsOf(ssm.credentials) };
  const clients = ssmClients(place);
  onTestFinished(async () => {
    clients.close();
    await proxy.close();
    await ssm.close();
  });
  // A put that was lost is waited for longer than six minutes.
  const plan = aPlan({ storeSettleMs: settleMs, policy: { ...promptPolicy, retry: defaultPolicy.retry } });
  const scope = scopeOf(plan.secret, plan.rotationId, 0);
  const sends = memorySends(memory.state);
  const keyring = await freshKeyring();
  const old = { identity: 'billing_a', value: Secret.fromText('the-old-value-made-by-hand-00000') };
  memory.target.adopt(old);
  const Value = new TextDecoder().decode(openSecret(renderCredential(old, plan.fields)));
  await ssm.byHand.send(new PutParameterCommand({ Name: plan.path, Value, Type: 'SecureString' }));
  const outside = { ssm, nameOf: () => plan.path };
  await labelByHand(outside, scope, { label: 'current', version: 1 });
  memory.state.accept(plan, [plan.secret]);
  const worker = (holder: string) => {
    const store: Bound<StorePort> = ssmStore({ clients, sends, keyId: ssm.keyId, prefix: '', keyring });
    return async (): Promise<Advanced> =>
      perform(
        advance(plan.rotationId, { holder, leaseMs, workflows: [stagedRotation] }),
        { ...memory.ports, store },
        { callDeadlineMs: 20_000, leaseMs },
      );
  };
  const kinds = (): readonly string[] =>
    (memory.state.load(plan.rotationId)?.events ?? []).map(({ event }) => event.kind);
  const intendedMs = (step: string): number =>
    (memory.state.load(plan.rotationId)?.events ?? []).find(
      ({ event }) => event.kind === 'StepIntended' && event.step === step,
    )?.atMs ?? 0;
  const status = (advanced: Advanced): string => (advanced.kind === 'rests' ? advanced.status : advanced.kind);
  /** Rings whenever it is due until it is over. */
  const toEnd = async (ring: () => Promise<Advanced>): Promise<string> => {
    for (let rings = 0; rings < 200; rings += 1) {
      const advanced = await ring();
      if (advanced.kind === 'rests' && !isOpen(advanced.status)) return advanced.status;
      pass(advanced.kind === 'rests' || advanced.kind === 'refused' ? (advanced.againInMs ?? 1_000) : 1_000);
    }
    throw new Error(`it does not end: ${kinds().join(' ')}`);
  };
  return { memory, pass, proxy, plan, scope, worker, toEnd, kinds, intendedMs, status, outside, old };
}

const credentialsOf = <Keys>(credentials: Keys | undefined) => (credentials === undefined ? {} : { credentials });

test('a rotation puts once, moves its labels and ends', async () => {
  const { worker, toEnd, proxy, outside, scope, memory } = await aRotation();

  expect(await toEnd(worker('one'))).toBe('completed');

  expect(proxy.count('PutParameter')).toBe(1);
  expect(await versionsOf(outside, scope)).toHaveLength(2);
  expect(await labelsOf(outside, scope)).toEqual({ current: 2, previous: 1 });
  expect(memory.target.live()).toEqual(['billing_b']);
});

test.each(['lose-answer', 'reset'] as const)(
  'a connection that is killed (%s) as a put is sent leaves one new version when the rotation has ended',
  async (kind) => {
    const { worker, toEnd, proxy, outside, scope } = await aRotation();
    proxy.plant({ kind }, { operation: 'PutParameter' });

    expect(await toEnd(worker('one'))).toBe('completed');

    expect(await versionsOf(outside, scope)).toHaveLength(2);
    expect(await labelsOf(outside, scope)).toEqual({ current: 2, previous: 1 });
  },
);

/** One executor is paused with its request on the way; its lease runs out, somebody cancels, another takes over. */
async function pausedWith(operation: string, when: (labels: string) => boolean) {
  const rotation = await aRotation();
  const { proxy, worker, pass, memory, plan } = rotation;
  let release = (): void => {};
  let onHeld = (): void => {};
  let onLanded = (): void => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  const held = new Promise<void>((resolve) => (onHeld = resolve));
  const landed = new Promise<void>((resolve) => (onLanded = resolve));
  proxy.plant(
    { kind: 'hold', until, onHeld: () => onHeld(), onLanded: () => onLanded() },
    { operation, when: ({ input }) => when(String(input['Labels'])) },
  );
  const paused = worker('paused')();
  await held;
  pass(leaseMs + 1_000);
  memory.state.command({ rotationId: plan.rotationId, kind: 'cancel', by: 'ada', reason: 'a test' });
  const next = worker('next');
  return { ...rotation, paused, next, release: () => release(), landed };
}

describe('the request of a paused executor that lands after the roll-back', () => {
  test('finds the rotation open, which ends only when nothing can land any more', async () => {
    const { next, paused, pass, release, landed, intendedMs, status, memory, outside, scope, old } = await pausedWith(
      'LabelParameterVersion',
      (labels) => labels === 'current',
    );
    const ends: [string, number][] = [];
    const bound = intendedMs('promote') + settleMs;
    const look = async (): Promise<string> => {
      const now = status(await next());
      ends.push([now, memory.clock.nowMs()]);
      return now;
    };
    // It is undone, and not over. Four minutes later the request lands: consumers read the new credential.
    for (let minutes = 0; minutes < 4; minutes += 1) {
      expect(await look()).toBe('rolling_back');
      pass(60_000);
    }
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 1 });
    release();
    await landed;
    await paused;
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 2 });
    // Nothing that `current` may name was destroyed meanwhile.
    expect([...memory.target.live()].sort()).toEqual(['billing_a', 'billing_b']);

    let now = await look();
    for (let rings = 0; rings < 40 && now === 'rolling_back'; rings += 1) {
      pass(10_000);
      now = await look();
    }

    expect(now).toBe('cancelled');
    const ended = ends.filter(([each]) => each !== 'rolling_back').map(([, atMs]) => atMs);
    expect(Math.min(...ended)).toBeGreaterThanOrEqual(bound);
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 1 });
    expect(memory.target.live()).toEqual(['billing_a']);
    expect(memory.target.accepts(old)).toBe(true);
  });

  test('and is older than the bound is refused by the store', async () => {
    const { next, paused, pass, release, landed, outside, scope, toEnd } = await pausedWith(
      'LabelParameterVersion',
      (labels) => labels === 'current',
    );
    expect(await toEnd(next)).toBe('cancelled');

    pass(1_000);
    release();
    await landed;
    await paused;

    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
  });

  test('of a put leaves a version that nobody points at', async () => {
    const { next, paused, release, landed, pass, outside, scope, toEnd, memory, intendedMs } = await pausedWith(
      'PutParameter',
      () => true,
    );
    await next();
    pass(60_000);
    release();
    await landed;
    await paused;

    expect(await toEnd(next)).toBe('cancelled');

    expect(memory.clock.nowMs()).toBeGreaterThanOrEqual(intendedMs('stage') + settleMs);
    expect(await versionsOf(outside, scope)).toHaveLength(2);
    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
    expect(memory.target.live()).toEqual(['billing_a']);
  });
});
