import { expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { scenarios } from './scenarios.js';
import { World } from './world.js';

/** A target that takes another value at each proposal, and rejects the first. */
function rejectingOnce(name: string): World {
  const scenario = scenarios.find((each) => each.name === name)!;
  const identity = scenario.workflow === 'in-place-rotation' ? 'billing' : 'billing_b';
  let proposals = 0;
  let isRejected = false;
  return new World({
    ...scenario,
    ends: scenario.workflow === 'in-place-rotation' ? 'rolled_back' : 'completed',
    meddle: (_, { port, method }) => {
      if (port !== 'target') return undefined;
      if (method === 'propose') {
        proposals += 1;
        return { answer: { identity, value: Secret.fromText(`proposed-value-number-${proposals}-of-this-rotation`) } };
      }
      if (method !== 'create' || isRejected) return undefined;
      isRejected = true;
      throw keyturnError('VALUE_REJECTED', { target: 'billing' });
    },
  });
}

it('a rejected value is replaced by another', () => {
  const world = rejectingOnce('success');

  world.run();

  expect(world.state.replacedValues).toBe(1);
  expect(world.oracle.violations).toEqual([]);
  expect(world.memory.target.accepts(world.current()!)).toBe(true);
});

it('a rotation turns back where no other value can be proposed for one that was rejected', () => {
  const scenario = scenarios.find((each) => each.name === 'success')!;
  let proposals = 0;
  const world = new World({
    ...scenario,
    ends: 'rolled_back',
    meddle: (_, { port, method }) => {
      if (port !== 'target') return undefined;
      if (method === 'create') throw keyturnError('VALUE_REJECTED', { target: 'billing' });
      if (method !== 'propose' || (proposals += 1) === 1) return undefined;
      return { answer: { identity: 'billing_b', value: Secret.fromText('short') } };
    },
  });

  world.run();

  expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'VALUE_UNFIT' } });
  expect(world.oracle.violations).toEqual([]);
});

it('a rejected value that is staged already is not replaced: its version would name a value that nothing accepts', () => {
  const world = rejectingOnce('success in place');

  world.run();

  expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'VALUE_REJECTED' } });
  expect(world.oracle.violations).toEqual([]);
  expect(world.memory.target.accepts(world.current()!)).toBe(true);
});
