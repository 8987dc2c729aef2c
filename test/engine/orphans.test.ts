import { describe, expect, it } from 'vitest';
import { renderCredential } from '../../src/core/credential.js';
import { Secret } from '../../src/core/secret.js';
import { type OrphanParts, destroyOrphan, lookForOrphans } from '../../src/engine/orphans.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { ableCapabilities, aPlan } from '../support/plans.js';

const exclusive = { ...ableCapabilities, fence: false, origin: 'provider', exclusive: true } as const;

function scopeOf(capabilities: Scope['plan']['capabilities']): Scope {
  return {
    plan: aPlan({ capabilities }),
    step: 'look',
    attempt: 1,
    fence: { era: 1, epoch: 0, known: false },
    nowMs: 0,
    signal: new AbortController().signal,
    deadlineMs: 1_000,
  };
}

/** An account whose keys carry no tag, and `current` on this identity. */
function account(keys: readonly string[], current: string): OrphanParts & { readonly destroyed: readonly string[] } {
  const destroyed: string[] = [];
  const { fields } = aPlan();
  const value = renderCredential({ identity: current, value: Secret.fromText('the-value-of-the-key-0000') }, fields);
  return {
    destroyed,
    newest: async () => null,
    store: { read: async () => ({ version: 1, value, digest: 'd', rotationId: null, labels: ['current'] }) },
    target: {
      list: async () => keys.map((identity) => ({ identity, rotationId: null, live: true })),
      destroy: async (_, identity) => void destroyed.push(identity),
    },
  };
}

describe('on an account that keeps no tag', () => {
  it('what `current` does not name is unexplained', async () => {
    const look = await lookForOrphans(scopeOf(exclusive), account(['k1', 'k2'], 'k1'));

    expect(look).toMatchObject({ kind: 'looked', orphans: [{ identity: 'k2' }] });
  });

  it('nothing is, where `current` names none of them: any may be the one in use', async () => {
    const parts = account(['k1', 'k2'], 'the name a person gave it');

    expect(await lookForOrphans(scopeOf(exclusive), parts)).toMatchObject({
      kind: 'skipped',
      cure: expect.stringMatching(/^Put the credential of \/billing\/db again with the identity/),
    });
    await expect(destroyOrphan(scopeOf(exclusive), 'k1', { ...parts, record: async () => {} })).rejects.toMatchObject({
      code: 'NO_ORPHAN',
    });
    expect(parts.destroyed).toEqual([]);
  });
});

it('a target that cannot list is named with what a person can do', async () => {
  const look = await lookForOrphans(scopeOf({ ...exclusive, list: false }), account(['k1'], 'k1'));

  expect(look).toMatchObject({ kind: 'skipped', cure: expect.stringMatching(/Look at the target itself/) });
});
