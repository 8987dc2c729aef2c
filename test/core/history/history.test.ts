import { expect, it } from 'vitest';
import { judgeHistory } from '../../../src/core/history.js';
import { golden, goldenNames, strict } from './golden-journals.js';

it.each(goldenNames)('the golden journal %s is clean', (name) => {
  expect(judgeHistory([golden(name)], strict)).toEqual([]);
});
