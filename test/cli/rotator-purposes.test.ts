import { expect, test } from 'vitest';
import { rotatorPurposes } from '../../src/cli/rotator-purposes.js';
import { shippedRotators } from '../../src/config/own-doors.js';

test('every rotator that is shipped says what it is for, and no other', () => {
  expect(Object.keys(rotatorPurposes).sort()).toEqual([...shippedRotators().keys()].sort());
});
