import { describe } from 'vitest';
import harness from '../../scaffold/rotator/test/harness.js';
import { judged } from '../support/judged-rotator.js';

describe('the rotator that `keyturn rotator new` hands out keeps every obligation', () => {
  judged(harness);
});
