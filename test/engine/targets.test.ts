import { expect, test } from 'vitest';
import { z } from 'zod';
import { importOf } from '../../src/config/own-doors.js';
import { CONTRACT, type Connection, type Rotator } from '../../src/contract/rotator.js';
import { openTargets } from '../../src/engine/targets.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { aPlan, ableCapabilities } from '../support/plans.js';

const log = { debug: () => {}, warn: () => {} };

function aScope(rotator: string): Scope {
  const fence = { era: 1, epoch: 4, known: true };
  const signal = new AbortController().signal;
  return { plan: aPlan({ rotator }), step: 'create', attempt: 1, fence, nowMs: 9, signal, deadlineMs: 500 };
}

const acme: Rotator = {
  name: 'acme',
  contract: CONTRACT,
  config: z.unknown(),
  credential: { identity: 'id', value: 'token' },
  capabilities: () => ableCapabilities,
  principal: () => 'acme',
  connect: () =>
    ({ identify: async () => ({ system: 'acme' }), close: async () => {} }) satisfies Partial<Connection> as never,
  classify: () => 'unknown',
};

const targetsWith = (...rotators: readonly Rotator[]) =>
  openTargets({ rotators, importOf, resolve: async (config) => config, log, report: () => {} }).port;

test.each([
  ['postgres', 'Put keyturn/rotators/postgres back into keyturn.config.ts'],
  ['acme', 'Put the package whose rotator is called acme back into keyturn.config.ts'],
])('a rotation whose rotator %s is no longer in the configuration is told what to put back', async (rotator, says) => {
  await expect(targetsWith().identify(aScope(rotator))).rejects.toMatchObject({
    class: 'park',
    message: expect.stringMatching(
      new RegExp(`^UNKNOWN_ROTATOR: the rotator ${rotator} is not loaded: .*${says}.*keyturn resume r1$`),
    ) as string,
  });
});

test('a rotation goes on once its rotator is there again', async () => {
  expect(await targetsWith(acme).identify(aScope('acme'))).toEqual({ system: 'acme' });
});

test('a rotator of another contract is refused by its name, in the middle of a rotation too', async () => {
  await expect(targetsWith({ ...acme, contract: 7 }).identify(aScope('acme'))).rejects.toThrow(
    `CONTRACT_MISMATCH: rotator acme was built for contract 7, this Keyturn speaks ${CONTRACT}`,
  );
});
