import assert from 'node:assert/strict';
import { type Connection, Secret, defineRotator } from 'keyturn/rotator';
import { type RotatorHarness, rotatorCases } from 'keyturn/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';

type Answer = 'accepted' | 'refused' | 'absent' | 'unknown';

/** Does nothing, and says that all went well. */
const idle = (answer: Answer): Connection => ({
  preflight: async () => [],
  identify: async () => ({ system: 'stub' }),
  propose: async (_current, ctx) => ({ identity: ctx.rotationId, value: Secret.fromText(`value-${Math.random()}`) }),
  create: async ({ identity }) => ({ identity }),
  probe: async () => [{ endpoint: 'stub', answer }],
  verify: async () => [{ endpoint: 'stub', answer }],
  usage: async () => ({ kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null }),
  raise: async () => {},
  disable: async () => ({ endedSessions: 0 }),
  enable: async () => {},
  destroy: async () => {},
  list: async () => [],
  close: async () => {},
});

function harnessOf(connection: Connection): RotatorHarness<object> {
  const rotator = defineRotator<object>({
    name: 'stub',
    contract: 1,
    config: z.strictObject({}),
    credential: { identity: 'id', value: 'value' },
    capabilities: () => ({
      overlap: 'two-live',
      origin: 'ours',
      fence: true,
      disable: true,
      usage: true,
      endsSessions: true,
      list: true,
      settleMs: 0,
    }),
    principal: () => 'stub',
    connect: () => connection,
    classify: () => 'unknown',
  });
  const begin = async () => ({
    config: {},
    unreachable: {},
    plantForeign: async () => {},
    openSession: async () => ({ isOpen: async () => true }),
    end: async () => {},
  });
  return { rotator, capabilities: rotator.capabilities({}), begin };
}

async function passedBy(connection: Connection): Promise<readonly string[]> {
  const passed: string[] = [];
  for (const { name, run } of rotatorCases(harnessOf(connection))) {
    await run((why) => assert.fail(why)).then(
      () => passed.push(name),
      () => undefined,
    );
  }
  return passed;
}

/** What even a rotator without effects keeps: it is well declared, makes nothing, and destroys what was never there. */
const kept = [
  'a rotation proposes the same identity again, and has no effect in doing so',
  'where the value is ours it has at least 128 bits, and is another one each time',
  'destroying what was never made succeeds',
  'a target has an identifier, the same each time',
  'a setting nobody knows is refused by the schema',
  'a value comes from whom the declared origin names',
  'an error that means nothing to it is sorted as `unknown`',
  'the capabilities are those the harness was told, the same each time',
  'the name is one that journals can keep, and the contract is the one it was tested with',
  'the preflight of a target that is well finds nothing',
  'the principal has a name, the same each time',
  'neither an answer, an error, a log line, the output nor the connection shows a value',
];

test.each(['accepted', 'refused', 'absent', 'unknown'] as const)(
  'a rotator that does nothing and always answers `%s` fails the cases',
  async (answer) => {
    const passed = await passedBy(idle(answer));
    const byChance = {
      accepted: [],
      refused: ['a credential of a name nobody has is turned away'],
      absent: ['a credential of a name nobody has is turned away'],
      unknown: [],
    };

    expect([...passed].sort()).toEqual([...kept, ...byChance[answer]].sort());
  },
);

test('what a rotator says it cannot do is not asked of it', () => {
  const harness = harnessOf(idle('accepted'));
  const least = { ...harness.capabilities, overlap: 'one-live', fence: false, usage: false, list: false } as const;
  const asked = rotatorCases({ ...harness, capabilities: least }).map(({ name }) => name);
  const all = rotatorCases(harness).map(({ name }) => name);

  expect(all.filter((name) => !asked.includes(name))).toContain(
    'once the fence is raised, an older epoch changes nothing',
  );
  expect(asked).toContain('the new credential is accepted, and another value is not');
});
