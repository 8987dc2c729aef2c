import { expect, it } from 'vitest';
import { deadEverywhere, everywhere, whereAnswered } from '../../src/core/observation.js';
import { answers } from '../support/evidence.js';

it('everywhere means at every endpoint, and at least one', () => {
  expect(everywhere(answers('accepted'), 'accepted')).toBe(true);
  expect(everywhere(answers('accepted', 'unknown'), 'accepted')).toBe(false);
  expect(everywhere([], 'accepted')).toBe(false);
});

it('dead everywhere means refused or absent at every endpoint, and at least one', () => {
  expect(deadEverywhere(answers('refused'))).toBe(true);
  expect(deadEverywhere(answers('refused', 'absent'))).toBe(true);
  expect(deadEverywhere(answers('refused', 'unknown'))).toBe(false);
  expect(deadEverywhere(answers('refused', 'accepted'))).toBe(false);
  expect(deadEverywhere([])).toBe(false);
});

it('the first endpoint that gave one of the answers is named', () => {
  expect(whereAnswered(answers('accepted', 'absent'), 'refused', 'absent')?.endpoint).toBe('two');
  expect(whereAnswered(answers('refused'), 'refused', 'absent')?.endpoint).toBe('one');
  expect(whereAnswered(answers('accepted'), 'refused')).toBeUndefined();
});
