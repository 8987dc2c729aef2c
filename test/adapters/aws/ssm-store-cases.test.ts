import { afterAll, beforeAll, describe, test } from 'vitest';
import { storeCases } from '../../../src/testing/store-cases.js';
import { type SsmFixture, ssmFixture } from './ssm-fixture.js';

// Fenced cases too: the database is asked right before each write leaves. What has left already nobody calls back; the
// tests of late requests say what becomes of it.
describe.each(['label', 'shadow'] as const)('the store on SSM, staging by %s', (staging) => {
  let fixture: SsmFixture;

  beforeAll(async () => {
    fixture = await ssmFixture({ staging });
  });

  afterAll(() => fixture.close());

  test.concurrent.each(storeCases)('$name', ({ run }) => run(fixture));
});
