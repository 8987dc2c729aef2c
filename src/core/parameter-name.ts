import { pathFault } from './parameter-path.js';

/** Which version is asked for: by number, by label, or null for the newest. */
export type Selector = number | string | null;

/** A parameter as a request names it. */
export interface ParameterName {
  /** Always with the leading slash: `x` and `/x` are one parameter. */
  readonly path: string;
  /** As it was written, without the selector. */
  readonly name: string;
  readonly selector: Selector;
}

/** Largest number of a version: beyond it there is none. */
const maxVersion = 2 ** 31 - 1;

/**
 * Reads `name`, `name:7`, `name:LABEL`, and the same with an ARN before it.
 *
 * *Returns* a sentence that says what is wrong where it is none.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
 */
export function parseParameterName(text: string): ParameterName | string {
  const arn = /^arn:[a-z-]+:ssm:[a-z0-9-]*:[0-9]*:parameter(\/.*)$/.exec(text);
  const [name = '', selector, ...more] = (arn?.[1] ?? text).split(':');
  if (more.length > 0) return 'a name has at most one : before its version or label';
  const fault = nameFault(name);
  if (fault !== undefined) return fault;
  const path = name.startsWith('/') ? name : `/${name}`;
  if (selector === undefined) return { path, name, selector: null };
  if (/^[0-9]{1,10}$/.test(selector)) return { path, name, selector: Math.min(Number(selector), maxVersion) };
  return labelFault(selector) === undefined
    ? { path, name, selector }
    : 'after : stands the number of a version, or a label';
}

/** As {@link pathFault}, for a name that may leave out the slash where it has one level. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'a name is not empty';
  if (name.startsWith('/')) return pathFault(name);
  return name.includes('/') ? 'a name with levels begins with /' : pathFault(`/${name}`);
}

/**
 * Says why a text is no label. Letters, digits, `.`, `-`, `_`, 1 to 100 of them; not beginning with a digit, `aws` or `ssm`.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
 */
export function labelFault(label: string): string | undefined {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(label)) return 'a label has 1 to 100 letters, digits, . - and _';
  if (/^([0-9]|aws|ssm)/i.test(label)) return 'a label does not begin with a digit, aws or ssm';
  return undefined;
}
