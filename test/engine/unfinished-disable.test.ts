import { describe, expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { promptPolicy } from '../support/plans.js';
import { aScenario, bothLive, planned, told } from './driven.js';
import { World } from './world.js';

describe('a try to switch the old credential off that is not known to have ended', () => {
  it('is taken back before the gate looks again, so that a hold finds both alive', () => {
    let found = 0;
    for (const how of ['crash before', 'crash after'] as const) {
      for (let point = 1; point <= 60; point += 1) {
        const world = new World(
          aScenario({
            meanwhile: ({ state, memory, plan }) => {
              if (state.intent?.step === 'disable') memory.state.hold(plan.secret, true);
            },
          }),
        );
        world.run({ point, how });
        if (world.state.status !== 'running') continue;
        found += 1;
        expect(bothLive(world)).toBe(true);
      }
    }
    expect(found).toBeGreaterThan(3);
  });

  it('has one budget, however often it is taken back', () => {
    const retry = { firstMs: 8_000, maxMs: 8_000, attemptsPerCycle: 3, cycles: 1 };
    const failing = aScenario({
      ...planned({ policy: { ...promptPolicy, retry } }),
      meddle: (world, request) => {
        if (world.state.status !== 'running' || request.authority?.step !== 'disable' || request.method !== 'disable')
          return;
        throw keyturnError('TARGET_BUSY', { target: 'billing' });
      },
    });
    const world = new World(failing);
    world.run();
    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'RETRIES_EXHAUSTED' } });
    expect(told(world)).toContain('UndoDone disable');
  });
});
