import { expect, test } from 'vitest';
import { z } from 'zod';
import { importOf } from '../../src/config/own-doors.js';
import { CONTRACT, type Connection, type Rotator, Secret, keyturnError } from '../../src/contract/rotator.js';
import { openTargets } from '../../src/engine/targets.js';
import type { Bound, Scope, TargetPort } from '../../src/ports/step-ports.js';
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
  openTargets({
    rotators,
    importOf,
    resolve: async ({ config }) => ({ settings: config, admin: null }),
    log,
    report: () => {},
  }).port;

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

const admins = { old: 'admin_a', new: 'admin_b' };

/** A target that is opened with its own secret, and what its rotator was asked with which admin. */
function selfManaged(current: () => string): { readonly port: Bound<TargetPort>; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const rotator: Rotator<unknown> = {
    ...acme,
    config: z.strictObject({ admin: z.string() }),
    connect: (config) => {
      const by = (config as { readonly admin: string }).admin;
      const told = (what: string) => {
        asked.push(`${what} by ${by}`);
        if (by === 'nobody') throw keyturnError('ADMIN_REFUSED');
      };
      return {
        verify: async () => [{ endpoint: 'acme', answer: 'accepted' }],
        list: async () => {
          told('list');
          return [];
        },
        disable: async (identity: string) => {
          told(`disable ${identity}`);
          return { endedSessions: 0 };
        },
        destroy: async (identity: string) => told(`destroy ${identity}`),
        close: async () => {},
      } satisfies Partial<Connection> as never;
    },
  };
  const { port } = openTargets({
    rotators: [rotator],
    importOf,
    resolve: async (_, own) => {
      const admin = own?.identity ?? current();
      return { settings: { admin }, admin };
    },
    log,
    report: () => {},
  });
  return { port, asked };
}

test('an admin credential is switched off and destroyed by the other one, never by itself', async () => {
  let current = admins.old;
  const { port, asked } = selfManaged(() => current);
  const inUse = { code: 'ADMIN_IN_USE', class: 'retry' };

  await expect(port.disable(aScope('acme'), admins.old)).rejects.toMatchObject(inUse);
  await expect(port.destroy(aScope('acme'), admins.old, { createdBy: null })).rejects.toMatchObject(inUse);
  current = admins.new;
  const later = { ...aScope('acme'), attempt: 2 };
  await port.disable(later, admins.old);
  await port.destroy(later, admins.old, { createdBy: null });

  expect(asked).toEqual(['disable admin_a by admin_b', 'destroy admin_a by admin_b']);
});

test('which admin credential is current must be known before one is switched off', async () => {
  let isAway = false;
  const { port, asked } = selfManaged(() => {
    if (isAway) throw keyturnError('STORE_UNAVAILABLE');
    return admins.new;
  });
  await port.list(aScope('acme'));
  isAway = true;

  await expect(port.disable({ ...aScope('acme'), attempt: 2 }, admins.old)).rejects.toThrow('STORE_UNAVAILABLE');

  expect(asked).toEqual(['list by admin_b']);
});

test('a new admin credential is tried as the admin before it is current', async () => {
  const { port } = selfManaged(() => admins.old);
  const value = Secret.fromText('a-value-of-a-new-admin-credential');

  const good = await port.verify(aScope('acme'), { identity: admins.new, value });
  const powerless = await port.verify(aScope('acme'), { identity: 'nobody', value });

  expect(good.map(({ answer }) => answer)).toEqual(['accepted', 'accepted']);
  expect(powerless.map(({ answer }) => answer)).toEqual(['accepted', 'refused']);
});
