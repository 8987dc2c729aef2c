import test from 'node:test';
import { rotatorCases } from 'keyturn/testing';
import harness from './harness.js';

for (const { name, run } of rotatorCases(harness)) {
  // A case that the harness cannot make is skipped by name: it has not passed.
  void test(name, async (t) => run((why) => t.skip(why)));
}
