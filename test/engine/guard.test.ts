import { inspect } from 'node:util';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import type { Classification, Connection, Rotator } from '../../src/contract/rotator.js';
import { CONTRACT } from '../../src/contract/rotator.js';
import { keyturnError } from '../../src/core/errors.js';
import { Scrubber } from '../../src/core/scrub.js';
import { Secret } from '../../src/core/secret.js';
import { guardRotator } from '../../src/engine/guard.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { aPlan, ableCapabilities } from '../support/plans.js';

const value = 'kt-canary-value-of-the-credential';
const admin = 'kt-canary-password-of-the-admin';
const credential = { identity: 'app_a', value: Secret.fromText(value) };

function aScope(change: Partial<Scope> = {}): Scope {
  const fence = { era: 1, epoch: 4, known: true };
  const signal = new AbortController().signal;
  return { plan: aPlan(), step: 'create', attempt: 2, fence, nowMs: 9, signal, deadlineMs: 500, ...change };
}

/** A rotator of which one member does what the test says, and what the guard told of it. */
function guarded(members: Partial<Connection>, classify: (error: unknown) => Classification = () => 'unknown') {
  const logged: string[] = [];
  const reports: string[] = [];
  const rotator: Rotator = {
    name: 'test',
    contract: CONTRACT,
    config: z.unknown(),
    credential: { identity: 'username', value: 'password' },
    capabilities: () => ableCapabilities,
    principal: () => 'app',
    connect: () => {
      throw new TypeError('it is connected already');
    },
    classify,
  };
  const write = (facts: object, message: string) => logged.push(`${message} ${JSON.stringify(facts)}`);
  const port = guardRotator(rotator, members as Connection, {
    config: { admin: { password: Secret.fromText(admin) } },
    log: { debug: write, warn: write },
    report: (_, outcome) => reports.push(outcome),
    scrubber: new Scrubber(),
  });
  return { port, logged, reports };
}

/** What the port throws. */
async function thrownBy(call: unknown): Promise<{ readonly code: string; readonly facts: object }> {
  try {
    await call;
  } catch (thrown) {
    return thrown as { readonly code: string; readonly facts: object };
  }
  throw new Error('nothing was thrown');
}

const throwing = (error: unknown): Partial<Connection> => ({
  create: async () => {
    // What a plugin throws need not be an error.
    throw error;
  },
});

describe('what a rotator says of values', () => {
  it('is scrubbed from the facts of its errors', async () => {
    const { port } = guarded(
      throwing(keyturnError('TARGET_UNREACHABLE', { endpoint: `db1?password=${value}`, extra: admin })),
    );
    const error = await thrownBy(port.create(aScope(), credential));
    expect(error).toMatchObject({
      code: 'TARGET_UNREACHABLE',
      facts: { endpoint: 'db1?password=[secret]', extra: '[secret]', target: 'billing' },
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/kt-canary/);
  });

  it('is scrubbed from what it answers', async () => {
    const { port } = guarded({
      probe: async () => [{ endpoint: 'one', answer: 'unknown', reason: `cannot use ${encodeURIComponent(value)}` }],
    });
    expect(await port.probe(aScope(), credential)).toEqual([
      { endpoint: 'one', answer: 'unknown', reason: 'cannot use [secret]' },
    ]);
  });

  it('is scrubbed of a value it has only just made', async () => {
    const { port } = guarded({
      create: async () => ({ identity: 'app_a', value: Secret.fromText(value) }),
      list: async () => [{ identity: value, rotationId: 'r1', live: true }],
    });
    await port.create(aScope(), { identity: 'app_a' });
    expect(await port.list(aScope())).toEqual([{ identity: '[secret]', rotationId: 'r1', live: true }]);
  });

  it('is scrubbed from what it logs, and from what is logged of its errors', async () => {
    const { port, logged } = guarded({
      create: async (_, { log }) => {
        log.warn({ statement: `ALTER ROLE PASSWORD '${value}'` }, `trying ${admin}`);
        throw new Error(`bad password ${value}`);
      },
    });
    await thrownBy(port.create(aScope(), credential));
    expect(logged).toHaveLength(2);
    expect(logged.join()).not.toMatch(/kt-canary/);
    expect(logged[1]).toContain('bad password [secret]');
    expect(logged[1]).toContain(`"rotationId":"${aPlan().rotationId}"`);
  });

  it('leaves the secrets it hands over as they are', async () => {
    const { port } = guarded({ create: async () => ({ identity: 'app_a', value: credential.value }) });
    expect((await port.create(aScope(), { identity: 'app_a' })).value).toBe(credential.value);
  });
});

describe('what a rotator throws', () => {
  it.each([
    ['rejected-by-policy', 'VALUE_REJECTED'],
    ['rejected-by-authority', 'ADMIN_REFUSED'],
    ['transient', 'TARGET_BUSY'],
    ['unknown', 'STEP_FAILED'],
  ] as const)('%s becomes %s', async (classification, code) => {
    const { port } = guarded(throwing(new Error(`no: ${value}`)), () => classification);
    const error = await thrownBy(port.create(aScope(), credential));
    expect(error).toMatchObject({ code, facts: { target: 'billing', step: 'create' } });
    expect(inspect(error, { depth: 9 })).not.toMatch(/kt-canary/);
  });

  it('is told by its name alone where nobody can name it', async () => {
    const { port } = guarded(throwing(new RangeError(`host ${value}`)));
    const error = await thrownBy(port.create(aScope(), credential));
    expect(error.facts).toEqual({ target: 'billing', endpoint: 'billing', step: 'create', name: 'RangeError' });
    expect((error as unknown as Error).cause).toBeUndefined();
  });

  it.each([['text with kt-canary-value-of-the-credential'], [undefined], [null], [{ name: value }]])(
    '%s that is no error is told by its type',
    async (thrown) => {
      const { port } = guarded(throwing(thrown));
      expect(await thrownBy(port.create(aScope(), credential))).toMatchObject({
        code: 'STEP_FAILED',
        facts: { name: typeof thrown },
      });
    },
  );

  it('is unknown where it has a code of another version, and is told by that', async () => {
    const other = Object.assign(keyturnError('NOT_OURS'), { code: 'OF_TOMORROW' });
    const { port } = guarded(throwing(other));
    expect(await thrownBy(port.create(aScope(), credential))).toMatchObject({
      code: 'STEP_FAILED',
      facts: { name: 'OF_TOMORROW' },
    });
  });

  it('is unknown where the classifier breaks or answers nonsense', async () => {
    const breaking = guarded(throwing(new Error('no')), () => {
      throw new Error(value);
    });
    expect(await thrownBy(breaking.port.create(aScope(), credential))).toMatchObject({ code: 'STEP_FAILED' });
    const nonsense = guarded(throwing(new Error('no')), () => 'perhaps' as never);
    expect(await thrownBy(nonsense.port.create(aScope(), credential))).toMatchObject({ code: 'STEP_FAILED' });
  });
});

describe('the breaker is told', () => {
  it('that a target answered, once for each lease', async () => {
    const { port, reports } = guarded({ identify: async () => ({ system: 's' }) });
    await port.identify(aScope());
    await port.identify(aScope());
    await port.identify(aScope({ fence: { era: 1, epoch: 5, known: true } }));
    expect(reports).toEqual(['answered', 'answered']);
  });

  it('that it did not, each time, and that it does again', async () => {
    let answer: 'unknown' | 'accepted' = 'unknown';
    const { port, reports } = guarded({ probe: async () => [{ endpoint: 'one', answer }] });
    await port.probe(aScope(), credential);
    await port.probe(aScope(), credential);
    answer = 'accepted';
    await port.probe(aScope(), credential);
    expect(reports).toEqual(['unreachable', 'unreachable', 'answered']);
  });

  it('nothing of what somebody sees who only looks', async () => {
    const { port, reports } = guarded({
      probe: async () => [{ endpoint: 'one', answer: 'unknown' }],
      identify: async () => ({ system: 's' }),
    });
    const looking = aScope({ fence: { era: 0, epoch: 0, known: true } });
    await port.probe(looking, credential);
    await port.identify(looking);
    expect(reports).toEqual([]);
  });

  it.each([
    ['TARGET_UNREACHABLE', 'unreachable'],
    ['DEADLINE_EXCEEDED', 'unreachable'],
    ['ROTATOR_CRASHED', 'unreachable'],
    ['ROTATOR_QUARANTINED', 'unreachable'],
    ['PRINCIPAL_IN_USE', 'answered'],
  ] as const)('%s as %s', async (code, outcome) => {
    const { port, reports } = guarded(throwing(keyturnError(code)));
    await thrownBy(port.create(aScope(), credential));
    expect(reports).toEqual([outcome]);
  });
});

it('a rotator is told for which rotation, step and attempt, under which authority, until when', async () => {
  let told: object = {};
  const { port } = guarded({
    identify: async (ctx) => {
      told = ctx;
      return { system: 's' };
    },
  });
  const scope = aScope();
  await port.identify(scope);
  expect(told).toMatchObject({
    rotationId: 'r1',
    secret: 'test:/billing/db',
    step: 'create',
    attempt: 2,
    fence: scope.fence,
    signal: scope.signal,
    deadlineMs: 500,
    databaseTimeMs: 9,
  });
  expect(Object.keys(told)).not.toContain('plan');
});
