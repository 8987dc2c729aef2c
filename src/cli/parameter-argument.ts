import { keyturnError } from '../core/errors.js';
import { type ParameterName, parseParameterName } from '../core/parameter-name.js';
import { pathFault } from '../core/parameter-path.js';

/** Reads `/prod/app/key`, `/prod/app/key:7` or `/prod/app/key:LABEL`. *Errors* `USAGE`, which says what is wrong with it. */
export function parameterOf(text: string, command: string): ParameterName {
  const name = parseParameterName(text);
  if (typeof name === 'string') throw usage(`the name ${JSON.stringify(text)} is none: ${name}`, command);
  return name;
}

/** Reads a name that must not say which version. *Errors* `USAGE`. */
export function bareParameterOf(text: string, command: string): ParameterName {
  const name = parameterOf(text, command);
  if (name.selector !== null)
    throw usage(`the name ${text} must not say which version: leave out what is after :`, command);
  return name;
}

/** Reads the path that parameters are below; `/` is all of them. *Errors* `USAGE`. */
export function pathOf(text: string, command: string): string {
  const path = text === '/' ? '/' : text.replace(/\/$/, '');
  const fault = path === '/' ? undefined : pathFault(path);
  if (fault !== undefined) throw usage(`--path ${JSON.stringify(text)} is none: ${fault}`, command);
  return path;
}

const usage = (finding: string, command: string): Error => keyturnError('USAGE', { finding, command });
