import { dirname, join } from 'node:path';
import ts from 'typescript';
import { root } from './source-tree.js';

/** The options of tsconfig.json, as `tsc` would read them. */
export function compilerOptions(): ts.CompilerOptions {
  const path = join(root, 'tsconfig.json');
  const { config, error } = ts.readConfigFile(path, (name) => ts.sys.readFile(name));
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(path)).options;
}
