import { expect, it } from 'vitest';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import { aScenario, planned } from './driven.js';
import { World } from './world.js';

it.each([
  ['disabled', 'drain', ableCapabilities],
  ['destroyed, where nothing can be switched off', 'watch', { ...ableCapabilities, disable: false }],
] as const)(
  'a session opened while a look was slow counts from when it was opened before the old one is %s',
  (_, gate, capabilities) => {
    const quietMs = 5_000;
    let [openedMs, endedMs] = [Number.NaN, Number.NaN];
    const world = new World(
      aScenario({
        ...planned({ policy: { ...promptPolicy, quietMs } }, capabilities),
        meddle: ({ memory, old }, { authority, method, args }) => {
          if (authority?.step === gate && method === 'usage' && Number.isNaN(openedMs)) {
            memory.clock.pass(4_000);
            memory.target.openSession(old!.identity);
            openedMs = memory.clock.nowMs();
          } else if (authority?.step === gate && method === 'usage') memory.target.endSessions(old!.identity);
          if (method === (gate === 'drain' ? 'disable' : 'destroy') && args[0] === old!.identity) {
            endedMs = memory.clock.nowMs();
          }
          return undefined;
        },
      }),
    );
    world.run();

    expect(world.state.status).toBe('completed');
    expect(endedMs - openedMs).toBeGreaterThanOrEqual(quietMs);
  },
);
