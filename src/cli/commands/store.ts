import type { Register } from '../program.js';
import { exportBelow } from './store/export.js';
import { get } from './store/get.js';
import { importFile } from './store/import.js';
import { label, remove } from './store/keep.js';
import { history, list } from './store/look.js';
import { put } from './store/put.js';
import { report } from './store/report.js';
import { rollback } from './store/rollback.js';
import { rewrap } from './store/rewrap.js';

/** `keyturn store …` */
export const store: Register = (program, action) => {
  const group = program.command('store').description('the parameter store');
  for (const register of [get, put, list, history, label, rollback, remove, exportBelow, importFile, report, rewrap])
    register(group, action);
  return group;
};
