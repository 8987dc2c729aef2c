import { afterAll, beforeAll, describe, test } from 'vitest';
import { storeCases } from '../../../src/testing/store-cases.js';
import type { StoreFixture } from './store-fixture.js';
import { storeFixture } from './store-fixture.js';

describe.each([18, 15] as const)('the built-in store on PostgreSQL %i', (major) => {
  let fixture: StoreFixture;

  beforeAll(async () => {
    fixture = await storeFixture({ major });
  });

  afterAll(() => fixture.close());

  test.each(storeCases)('$name', ({ run }) => run(fixture));
});
