import type { Register } from '../program.js';
import { integrity } from './rotator/integrity.js';
import { describe, list } from './rotator/look.js';
import { create } from './rotator/new.js';
import { test } from './rotator/test.js';

/** `keyturn rotator …` */
export const rotator: Register = (program, action) => {
  const group = program.command('rotator').description('kinds of credentials: those there are, and your own');
  for (const register of [list, describe, create, test, integrity]) register(group, action);
  return group;
};
