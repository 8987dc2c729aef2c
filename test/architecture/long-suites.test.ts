import { expect, test } from 'vitest';
import { allLong } from '../support/long-suites.js';
import { readSources } from './source-tree.js';

const suites = readSources('test').filter(({ path }) => path.endsWith('.test.ts'));

/** A suite has long parts where it asks how long it may take, or takes every server the rotator promises to work with. */
const asks = /support\/length\.js'|\bsettings\b[^;]*\/borrowed\.js'/;

test('every suite that has long parts is run by `npm run test:long`, so that test:all leaves nothing out', () => {
  const asking = suites.filter(({ path, text }) => asks.test(text) && !path.startsWith('test/architecture/'));
  expect(asking.length).toBeGreaterThan(10);
  expect(asking.map(({ path }) => path).filter((path) => !allLong.includes(path))).toEqual([]);
});

test('every suite that is named as long is there', () => {
  const paths = suites.map(({ path }) => path);
  expect(allLong.filter((path) => !paths.includes(path))).toEqual([]);
  expect(new Set(allLong).size).toBe(allLong.length);
});
