import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { aScenario, command, told } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const hourMs = 3_600_000;
const newVersion = 2;

/** It parks in promote as often as this, because the staged version cannot be read. */
function parksInPromote(times: number, change: Partial<Scenario> = {}): World {
  let left = times;
  return new World(
    aScenario({
      ...change,
      meddle: (_, { authority, method }) => {
        if (authority?.step !== 'promote' || method !== 'read' || left === 0) return undefined;
        left -= 1;
        return { answer: null };
      },
    }),
  );
}

/** It is parked in promote; then time passes, and somebody resumes it. */
function resumedAfter(world: World, ms: number): void {
  world.run();
  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'FOREIGN_VERSION' } });
  world.memory.clock.pass(ms);
  command(world, 'resume');
}

const looks = (world: World): number => told(world).filter((each) => each === 'GateReopened canary').length;
const sound = (world: World): readonly unknown[] =>
  world.oracle.violations.filter(({ invariant }) => invariant !== 'L1');

describe('a rotation that was parked between canary and promote', () => {
  it('for long tries the new credential again, and turns back where that was broken meanwhile', () => {
    const world = parksInPromote(1, { ends: 'rolled_back' });
    resumedAfter(world, hourMs);
    world.memory.target.changeByHand('billing_b', { value: Secret.fromText('a-persons-own-idea-00000000000000000') });
    world.run();

    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'VERIFY_REFUSED' } });
    expect(told(world)).not.toContain('StepDone promote');
    expect(world.memory.target.live()).toEqual(['billing_a']);
    expect(sound(world)).toEqual([]);
  });

  it('for long tries the new credential again, and goes on where that works', () => {
    const world = parksInPromote(1);
    resumedAfter(world, hourMs);
    world.run();
    expect(world.state.status).toBe('completed');
    expect(looks(world)).toBe(1);
    expect(told(world).some((each) => each.startsWith('UndoIntended'))).toBe(false);
    expect(sound(world)).toEqual([]);
  });

  it('for a minute goes on with what it knows', () => {
    const world = parksInPromote(1);
    resumedAfter(world, 60_000);
    world.run();
    expect(world.state.status).toBe('completed');
    expect(looks(world)).toBe(0);
  });

  it('for long, again and again, is parked for nothing else', () => {
    const world = parksInPromote(3);
    for (let times = 0; times < 3; times += 1) resumedAfter(world, hourMs);
    world.run();
    expect(world.state.status).toBe('completed');
    expect(looks(world)).toBe(3);
    expect(sound(world)).toEqual([]);
  });

  it('for long gives its canary consumers their time again', () => {
    let pending = 0;
    const world = parksInPromote(1, {
      answer: (_, phase) => {
        const isLate = phase === 'canary' && looks(world) > 0 && (pending += 1) < 4;
        return { answer: isLate ? 'pending' : 'proved', reason: '' };
      },
    });
    resumedAfter(world, hourMs);
    world.run();
    expect(pending).toBeGreaterThan(3);
    expect(world.state.status).toBe('completed');
    expect(sound(world)).toEqual([]);
  });

  it('for long turns back where its canary consumers do not take the new one any more', () => {
    const world = parksInPromote(1, {
      ends: 'rolled_back',
      answer: (_, phase) => ({ answer: phase === 'canary' && looks(world) > 0 ? 'pending' : 'proved', reason: '' }),
    });
    resumedAfter(world, hourMs);
    world.run();
    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'CANARY_TIMED_OUT' } });
    expect(sound(world)).toEqual([]);
  });
});

it('a label that may have moved stays where it is while the canary looks again', () => {
  let away = false;
  const world = new World(
    aScenario({
      meddle: ({ memory, plan }, { authority, port }) => {
        // The executor is gone for an hour right after it moved the label.
        const moved = memory.store.read(plan.secret, 'current')?.version === newVersion;
        if (away || authority?.step !== 'promote' || port !== 'store' || !moved) return undefined;
        away = true;
        memory.clock.pass(hourMs);
        return undefined;
      },
      meanwhile: ({ memory, plan }) => {
        if (away) expect(memory.store.read(plan.secret, 'current')?.version).toBe(newVersion);
      },
    }),
  );
  world.run();
  expect(world.state.status).toBe('completed');
  expect(looks(world)).toBe(1);
  expect(told(world).some((each) => each.startsWith('UndoIntended'))).toBe(false);
  expect(world.oracle.violations).toEqual([]);
});
