import { describe, expect, it } from 'vitest';
import { ownAddress } from '../../src/adapters/memory/target.js';
import type { Plan } from '../../src/core/plan.js';
import { keyturnError } from '../../src/core/errors.js';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, command, planned, told } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const watchMs = 60_000;
const policy: Plan['policy'] = { ...promptPolicy, watchMs, pollMs: 60_000 };
const webAddress = '192.0.2.20';

/** A rotation for one consumer, which logs in from one address. */
const located = (plan: Partial<Plan> = {}): Partial<Scenario> =>
  planned(
    {
      policy,
      consumers: [
        {
          name: 'app',
          url: null,
          canary: true,
          required: true,
          cacheTtlMs: 0,
          sources: [webAddress, `${ownAddress}/32`],
        },
      ],
      ...plan,
    },
    { ...ableCapabilities, refusedLogins: true },
  );

/** Somebody tries the old credential from this address, before each wakeup in which it is off. */
const trying =
  (from: string): NonNullable<Scenario['meanwhile']> =>
  ({ memory, state, old }) => {
    if (state.steps['disable']?.phase === 'done') memory.target.refuse(old?.identity ?? '', from);
  };

function ran(change: Partial<Scenario>): World {
  const world = new World(aScenario(change));
  world.run();
  return world;
}

/** How long the old credential was off. Milliseconds. */
function offMs(world: World): number {
  const events = world.memory.state.load(world.plan.rotationId)?.events ?? [];
  const at = (kind: string) =>
    events.find(({ event }) => event.kind === kind && 'step' in event && event.step === 'disable')?.atMs ?? Number.NaN;
  return at('UndoDone') - at('StepDone');
}

const isEnabledAgain = (world: World): boolean => told(world).some((each) => /^(Undo|TakeBack)/.test(each));

describe('a login with the old credential that is refused while it is off', () => {
  it('has it on again within five seconds and parks, where it came from a consumer', () => {
    const world = ran({ ...located(), meanwhile: trying(webAddress), ends: 'parked' });
    expect(world.state).toMatchObject({
      status: 'parked',
      because: {
        code: 'OLD_STILL_NEEDED',
        facts: { consumer: 'app', finding: `a login with it was refused from ${webAddress}` },
      },
    });
    expect(bothLive(world)).toBe(true);
    expect(offMs(world)).toBeLessThanOrEqual(5_000);
    expect(world.oracle.violations).toEqual([]);
  });

  it('ends by the command that is offered, once the consumer tries it no more', () => {
    let tries = 0;
    const meanwhile: Scenario['meanwhile'] = (world) => {
      if (tries === 0) trying(webAddress)(world);
      if (world.state.status === 'parked') tries += 1;
    };
    const world = ran({ ...located(), meanwhile, ends: 'parked' });
    tries = 1;
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('that a person has seen does not park it again, where destroying was decided', () => {
    let failed = false;
    const world = new World(
      aScenario({
        ...located(),
        // The target does not answer once; until it is asked again a person holds and lets go, and so watch looks once more.
        meddle: ({ plan }, { method }) => {
          if (failed || method !== 'destroy') return undefined;
          failed = true;
          throw keyturnError('TARGET_UNREACHABLE', { target: plan.target, endpoint: 'one' });
        },
        meanwhile: ({ memory, state, plan, old }) => {
          if (!failed || state.status === 'parked' || state.steps['watch']?.attempt !== 0) return;
          memory.state.hold(plan.secret, true);
          memory.state.hold(plan.secret, false);
          memory.target.refuse(old?.identity ?? '', webAddress);
        },
        ends: 'parked',
      }),
    );
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', decision: 'destroy', because: { code: 'OLD_STILL_NEEDED' } });
    expect(isEnabledAgain(world)).toBe(false);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('says nothing where it came from elsewhere, or from us', () => {
    for (const from of ['203.0.113.7', '192.0.2.21']) {
      const world = ran({ ...located(), meanwhile: trying(from) });
      expect(world.state.status).toBe('completed');
      expect(isEnabledAgain(world)).toBe(false);
    }
    // Our own tries come from where a consumer of this test logs in as well.
    expect(ran(located()).state.status).toBe('completed');
  });

  it('is not looked for where no consumer says from where it logs in, or the target does not tell', () => {
    const silent = { ...located({ consumers: [{ ...located().plan!.consumers![0]!, sources: [] }] }) };
    expect(ran({ ...silent, meanwhile: trying(webAddress) }).state.status).toBe('completed');
    const deaf = { ...located(), capabilities: ableCapabilities };
    expect(ran({ ...deaf, meanwhile: trying(webAddress) }).state.status).toBe('completed');
  });

  it('is not taken for none where the target cannot tell', () => {
    let isDeaf = true;
    const world = new World(
      aScenario({
        ...located(),
        meddle: (_, { method, authority }) =>
          isDeaf && authority?.step === 'watch' && method === 'refusedLogins'
            ? { answer: { kind: 'unknown', reason: 'the log did not answer' } }
            : undefined,
        meanwhile: (each) => {
          if (isDeaf) trying(webAddress)(each);
        },
        ends: 'parked',
      }),
    );
    world.run();
    expect(world.state).toMatchObject({
      status: 'parked',
      because: {
        code: 'DRAIN_TIMED_OUT',
        facts: { finding: 'who was refused is not known: the log did not answer' },
      },
    });
    expect(bothLive(world)).toBe(true);
    isDeaf = false;
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('fills no journal while it is watched for', () => {
    expect(told(ran(located())).length).toBeLessThan(40);
  });
});

describe('an exposed credential that is off', () => {
  it('stays off whoever goes on trying it, from wherever', () => {
    for (const from of ['203.0.113.7', webAddress]) {
      const world = ran({ ...located({ exposed: true }), meanwhile: trying(from) });
      expect(world.state.status).toBe('completed');
      expect(isEnabledAgain(world)).toBe(false);
    }
  });

  it('is off for as long as watch says, though the target cannot tell who tries it', () => {
    const world = new World(
      aScenario({
        ...located({ exposed: true }),
        meddle: (_, { method }) =>
          method === 'refusedLogins' ? { answer: { kind: 'unknown', reason: 'the log did not answer' } } : undefined,
      }),
    );
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('stays off where a consumer refuses, until a person turns back', () => {
    const refusing: Scenario['answer'] = () => ({
      answer: refuses ? 'refused' : 'proved',
      reason: 'a login was refused',
    });
    let refuses = false;
    const world = new World(
      aScenario({
        ...located({ exposed: true }),
        answer: refusing,
        meanwhile: ({ state }) => (refuses = state.steps['disable']?.phase === 'done'),
        ends: 'parked',
      }),
    );
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'OLD_STILL_NEEDED' } });
    expect(world.memory.target.live()).not.toContain(world.old?.identity);
    expect(isEnabledAgain(world)).toBe(false);

    refuses = false;
    command(world, 'rollback');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual([world.old?.identity]);
  });
});
