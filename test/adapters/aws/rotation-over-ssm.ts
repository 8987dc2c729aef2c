import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { onTestFinished, vi } from 'vitest';
import { memoryPorts } from '../../../src/adapters/memory/ports.js';
import { ssmClients } from '../../../src/adapters/aws/ssm-client.js';
import { shadowStore } from '../../../src/adapters/aws/ssm-shadow.js';
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
import { FaultProxy, type ProxiedRequest } from '../../support/ssm/fault-proxy.js';
import { ourServer } from '../../support/ssm/ssm-under-test.js';
import { freshKeyring, scopeOf } from '../store/store-fixture.js';
import { memorySends } from './memory-sends.js';
import { settleMs } from './ssm-fixture.js';
import { labelByHand } from './ssm-words.js';

// Whole rotations over SSM. State and target are in memory, and their clock is the clock of this process as well: workers,
// the database and the server that stands for AWS all see the time that a test makes pass. The server judges the age of a
// signature by it, as AWS does. A test fakes `Date` before it begins.

/** Of every executor. Milliseconds. */
export const leaseMs = 5_000;

/** A secret with a first credential, and a rotation of it that was accepted. */
export async function aRotation(staging: 'label' | 'shadow' = 'label') {
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
  const versions = staging === 'shadow' ? `${plan.path}.keyturn` : plan.path;
  for (const Name of new Set([plan.path, versions]))
    await ssm.byHand.send(new PutParameterCommand({ Name, Value, Type: 'SecureString' }));
  const outside = { ssm, nameOf: () => versions };
  const bare = { ssm, nameOf: () => plan.path };
  await labelByHand(outside, scope, { label: 'current', version: 1 });
  memory.state.accept(plan, [plan.secret]);
  const worker = (holder: string) => {
    const open = staging === 'shadow' ? shadowStore : ssmStore;
    const store: Bound<StorePort> = open({ clients, sends, keyId: ssm.keyId, prefix: '', keyring });
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
  return { memory, pass, proxy, plan, scope, worker, toEnd, kinds, intendedMs, status, outside, bare, old };
}

const credentialsOf = <Keys>(credentials: Keys | undefined) => (credentials === undefined ? {} : { credentials });

/** One executor is paused with its request on the way; its lease runs out, somebody cancels, another takes over. */
export async function pausedWith(
  operation: string,
  when: (request: ProxiedRequest) => boolean,
  staging: 'label' | 'shadow' = 'label',
) {
  const rotation = await aRotation(staging);
  const { proxy, worker, pass, memory, plan } = rotation;
  const { held, landed, release } = proxy.hold({ operation, when });
  const paused = worker('paused')();
  await held;
  pass(leaseMs + 1_000);
  memory.state.command({ rotationId: plan.rotationId, kind: 'cancel', by: 'ada', reason: 'a test' });
  const next = worker('next');
  return { ...rotation, paused, next, release, landed };
}
