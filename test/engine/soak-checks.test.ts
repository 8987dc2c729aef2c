import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/json.js';
import type { PlannedCheck } from '../../src/core/plan.js';
import type { RotationEvent } from '../../src/core/rotation-event.js';
import type { CheckSight } from '../../src/core/soak-check.js';
import { promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, planned, told } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const soakMs = 10_000;
const errors: PlannedCheck = {
  ...{ name: 'errors', failAfter: 2, kind: 'prometheus', url: 'https://b.example', query: 'up', token: null },
  ...{ holds: 'below', limit: 0.05 },
};
const well: CheckSight = { check: 'errors', kind: 'samples', values: [0.01] };
const risen: CheckSight = { check: 'errors', kind: 'samples', values: [0.31] };
const down: CheckSight = { check: 'errors', kind: 'nothing', reason: 'ECONNREFUSED' };

interface Watched {
  readonly world: World;
  /** When the check was asked. Milliseconds since 1970. */
  readonly lookedMs: readonly number[];
}

/** A world whose metric shows this at the n-th look, counted from 1. */
function watched(shows: (look: number) => CheckSight, change: Partial<Scenario> = {}): Watched {
  const lookedMs: number[] = [];
  const policy = { ...promptPolicy, soakMs };
  const world = new World(
    aScenario({
      ...planned({ policy, checks: [errors] }),
      meddle: ({ memory }, { port }) => {
        if (port !== 'checks') return undefined;
        lookedMs.push(memory.clock.nowMs());
        return { answer: [shows(lookedMs.length)] };
      },
      ...change,
    }),
  );
  return { world, lookedMs };
}

/** The old credential as it was, and nothing left of the new one. */
function isAsBefore({ memory, old, plan }: World): void {
  expect(memory.target.accepts(old!)).toBe(true);
  expect(memory.target.live()).toHaveLength(1);
  expect(memory.store.read(plan.secret, 'current')?.version).toBe(1);
  expect(memory.store.read(plan.secret, 'pending')).toBeNull();
}

const doneMs = ({ state }: World, step: string): number => state.steps[step]!.doneMs;

describe('a metric', () => {
  it('that stays well lets the rotation pass, was asked all the while, and is written down with it', () => {
    const { world, lookedMs } = watched(() => well);
    world.run();

    expect(world.state.status).toBe('completed');
    expect(lookedMs).toHaveLength(soakMs / promptPolicy.pollMs + 1);
    expect(lookedMs.at(-1)).toBe(doneMs(world, 'canary'));
    expect(world.state.steps['canary']?.output).toMatchObject({
      checks: [{ check: 'errors', answer: 'good', finding: '0.01 is below 0.05' }],
    });
    expect(world.oracle.violations).toEqual([]);
  });

  it('that rises during the soak turns the rotation back, and nobody has seen the new version', () => {
    const { world } = watched((look) => (look < 4 ? well : risen), { ends: 'rolled_back' });
    world.run();

    expect(world.state).toMatchObject({
      status: 'rolled_back',
      because: {
        code: 'CANARY_CHECK_FAILED',
        facts: { check: 'errors', looks: 2, finding: '0.31 is not below 0.05', secret: '/billing/db' },
      },
    });
    expect(told(world)).not.toContain('StepIntended promote');
    isAsBefore(world);
    expect(world.oracle.violations).toEqual([]);
  });

  it('that was risen before the soak turns the rotation back as well', () => {
    const { world } = watched(() => risen, { ends: 'rolled_back' });
    world.run();

    expect(world.state.because?.code).toBe('CANARY_CHECK_FAILED');
    isAsBefore(world);
  });

  it.each([
    ['risen', risen],
    ['away', down],
  ])('that is %s for one look lets the soak begin anew and no more', (_, blip) => {
    const { world, lookedMs } = watched((look) => (look === 6 ? blip : well));
    world.run();

    expect(world.state.status).toBe('completed');
    expect(doneMs(world, 'canary') - lookedMs[6]!).toBe(soakMs);
    expect(world.oracle.violations).toEqual([]);
  });

  it('that nobody can see has the rotation wait, with both credentials live, and turn back in the end', () => {
    let waited = 0;
    const { world } = watched(() => down, {
      ends: 'rolled_back',
      meanwhile: (each) => {
        if (each.state.steps['canary']?.phase === 'open' && bothLive(each)) waited += 1;
      },
    });
    world.run();

    expect(world.state).toMatchObject({
      status: 'rolled_back',
      because: {
        code: 'CANARY_TIMED_OUT',
        facts: { maxMs: promptPolicy.canaryMaxMs, finding: 'check errors: ECONNREFUSED' },
      },
    });
    expect(waited).toBeGreaterThan(promptPolicy.canaryMaxMs / promptPolicy.pollMs - 2);
    isAsBefore(world);
    expect(world.oracle.violations).toEqual([]);
  });

  it('that is away for a while late in a long soak does not turn back what had been well until then', () => {
    const long = { ...promptPolicy, soakMs: 4 * promptPolicy.canaryMaxMs };
    const looks = long.soakMs / long.pollMs;
    const { world } = watched((look) => (look > looks - 10 && look < looks - 5 ? down : well), {
      ...planned({ policy: long, checks: [errors] }),
    });
    world.run();

    expect(world.state.status).toBe('completed');
  });

  it('that is never well for long is not waited for without end', () => {
    const { world } = watched((look) => (look % 5 === 0 ? down : well), { ends: 'rolled_back' });
    world.run();

    expect(world.state.because?.code).toBe('CANARY_TIMED_OUT');
    isAsBefore(world);
  });
});

describe('a check', () => {
  it('is not asked before those who go first have proved', () => {
    let asked = 0;
    const answered: string[] = [];
    const { world } = watched(
      () => {
        answered.push('asked');
        return well;
      },
      {
        answer: (_, phase) => {
          if (phase === 'canary') answered.push((asked += 1) > 3 ? 'proved' : 'pending');
          return { answer: asked > 3 ? 'proved' : 'pending', reason: '' };
        },
      },
    );
    world.run();

    expect(world.state.status).toBe('completed');
    expect(answered.slice(0, 5)).toEqual(['pending', 'pending', 'pending', 'proved', 'asked']);
  });

  it('is still asked once one that had proved is silent, and turns back for it', () => {
    let asked = 0;
    const { world } = watched((look) => (look < 3 ? well : risen), {
      ends: 'rolled_back',
      answer: () => ({ answer: (asked += 1) < 3 ? 'proved' : 'unreachable', reason: '' }),
    });
    world.run();

    expect(world.state.because?.code).toBe('CANARY_CHECK_FAILED');
    isAsBefore(world);
  });

  it('is not asked where the plan has none', () => {
    const { world, lookedMs } = watched(() => down, planned({ policy: { ...promptPolicy, soakMs } }));
    world.run();

    expect([world.state.status, lookedMs]).toEqual(['completed', []]);
  });
});

describe('a rotation of an older version, whose looks say nothing of checks or of what was well,', () => {
  /** Gives the journal back as it would have been written before. */
  const older: Scenario['meddle'] = ({ memory, plan }, { port, method }) => {
    if (port !== 'journal' || method !== 'load') return undefined;
    const loaded = memory.state.load(plan.rotationId);
    const events = (loaded?.events ?? []).map((recorded) => ({ ...recorded, event: withoutNews(recorded.event) }));
    return { answer: loaded === null ? null : { ...loaded, events } };
  };

  it('goes on and passes', () => {
    const policy = { ...promptPolicy, soakMs };
    const world = new World(aScenario({ ...planned({ policy }), meddle: older }));
    world.run();

    expect(world.state.status).toBe('completed');
    expect(doneMs(world, 'canary') - doneMs(world, 'stage')).toBe(soakMs);
  });

  it('still turns back when its time is over', () => {
    const answer = () => ({ answer: 'pending', reason: '' }) as const;
    const world = new World(aScenario({ meddle: older, answer, ends: 'rolled_back' }));
    world.run();

    expect(world.state.because?.code).toBe('CANARY_TIMED_OUT');
    expect(world.oracle.violations).toEqual([]);
  });
});

function withoutNews(event: RotationEvent): RotationEvent {
  if (event.kind !== 'GateWaiting' || event.step !== 'canary') return event;
  const { checks: _, wellMs: __, ...facts } = event.facts as { readonly [key: string]: Json };
  return { ...event, facts };
}
