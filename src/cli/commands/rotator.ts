import type { Register } from '../program.js';
import { rotatorIntegrity } from './rotator-integrity.js';

/** `keyturn rotator …` */
export const rotator: Register = (program, action) => {
  const group = program.command('rotator').description('rotators, and packages that hold one');
  for (const register of [rotatorIntegrity]) register(group, action);
  return group;
};
