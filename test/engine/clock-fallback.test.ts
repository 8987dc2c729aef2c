import { expect, it } from 'vitest';
import { scenarios } from './scenarios.js';
import { World } from './world.js';

it.each(['disable', 'destroy'])('a clock that falls back before %s is meant makes its gate look again', (step) => {
  const scenario = scenarios.find((each) => each.name === 'success')!;
  let isBack = false;
  const world = new World({
    ...scenario,
    meddle: ({ memory }, { port, method, args }) => {
      if (isBack || port !== 'journal' || method !== 'append') return undefined;
      const { events } = args[0] as { readonly events: readonly { readonly kind: string; readonly step?: string }[] };
      if (!events.some((event) => event.kind === 'StepIntended' && event.step === step)) return undefined;
      isBack = true;
      memory.clock.pass(-2_000);
      return undefined;
    },
  });

  world.run();

  const kinds = world.memory.state.load(world.plan.rotationId)?.events.map(({ event }) => event.kind);
  expect(kinds).toContain('GateReopened');
  // That time went back is told, also of the look itself; of what was meant after it there is nothing to tell.
  const told = world.oracle.violations.filter(({ what }) => !/time goes back|saw the future/.test(what));
  expect(told).toEqual([]);
});
