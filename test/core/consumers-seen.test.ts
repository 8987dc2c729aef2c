import { expect, it } from 'vitest';
import { consumersSeen } from '../../src/core/consumers-seen.js';
import type { Json } from '../../src/core/json.js';
import { aProof } from '../support/evidence.js';

it('what a gate wrote down of consumers is found among its facts', () => {
  expect(consumersSeen({ atMs: 1, consumers: [aProof()] })).toEqual([aProof()]);
  expect(consumersSeen({ consumers: [] })).toEqual([]);
});

it.each<[Json]>([[null], ['consumers'], [{}], [{ atMs: 1 }]])('%j tells of none', (facts) => {
  expect(consumersSeen(facts)).toBeUndefined();
});
