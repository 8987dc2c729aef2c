import { type ParameterName, nameFault, parseParameterName } from '../core/parameter-name.js';
import { pathFault } from '../core/parameter-path.js';
import type { Verb } from '../core/path-grant.js';
import type { ParameterVersion, Parameters, Writer } from '../ports/parameters.js';
import { type Caller, authorise, authoriseTree } from './caller.js';
import { WireError, invalid } from './wire-error.js';

/** A parameter that was asked for, as it is written down. */
export interface Touched {
  readonly path: string;
  readonly version: number | null;
  /** Where this one ended otherwise than the whole call: the name of the error. */
  readonly outcome?: string;
}

/** What an operation is carried out with: who asks, the parameters of their environment, and what is to be written down. */
export class Call {
  /** What was read or refused, for the record. */
  readonly touched: Touched[] = [];
  /** True where the record was made in the transaction of a write. */
  isRecorded = false;
  readonly environment: string;

  constructor(
    readonly caller: Caller,
    readonly action: string,
    readonly source: string,
    readonly parameters: Parameters,
  ) {
    this.environment = caller.key.environment;
  }

  get writer(): Writer {
    return { principal: this.caller.key.principal, source: this.source, action: this.action };
  }

  /** A name that may carry a selector, which the caller may use so. *Errors* `ValidationException`, `AccessDeniedException`. */
  named(text: string, verb: Verb): ParameterName {
    refuseReserved(text);
    const name = parseParameterName(text);
    if (typeof name === 'string') throw invalid(`Parameter name: ${name}.`);
    this.allow(verb, name.path);
    return name;
  }

  /** A name without a selector. */
  plain(text: string, verb: Verb): ParameterName {
    const name = this.named(text, verb);
    if (name.selector !== null) throw invalid('Parameter name: no version or label may be given here.');
    return name;
  }

  /** A path that everything is below. */
  path(text: string): string {
    const path = text === '/' ? '/' : text.replace(/\/$/, '');
    refuseReserved(path);
    const fault = path === '/' ? undefined : pathFault(path);
    if (fault !== undefined) throw invalid(`The parameter path: ${fault}.`);
    this.touched.push({ path, version: null });
    authoriseTree(this.caller, this.action, path);
    return path;
  }

  /** Notes that this parameter is asked for, and refuses what no grant names. */
  allow(verb: Verb, path: string): void {
    this.touched.push({ path, version: null });
    authorise(this.caller, this.action, verb, path);
  }

  /** Notes which versions were given away: that replaces what was asked for, where there was anything to give. */
  gave(versions: readonly ParameterVersion[]): void {
    if (versions.length > 0) this.ended(versions.map(({ path, version }) => ({ path, version })));
  }

  /** Notes how each ended: that replaces what was asked for. */
  ended(each: readonly Touched[]): void {
    this.touched.splice(0, Infinity, ...each);
  }
}

/** Names that AWS keeps to itself, in its own two ways of saying so; and hierarchies that are too deep. */
function refuseReserved(text: string): void {
  if (/^\/aws(\/|$)/i.test(text)) {
    throw new WireError('AccessDeniedException', 'No access to reserved parameter name.');
  }
  const name = text.split(':')[0] ?? '';
  if (
    name.startsWith('/') &&
    name.split('/').length > 16 &&
    nameFault(name.split('/').slice(0, 16).join('/')) === undefined
  ) {
    throw new WireError('HierarchyLevelLimitExceededException', 'Parameter name: a hierarchy has at most 15 levels.');
  }
}

/** One operation: how its input looks, and what it does. */
export interface Operation {
  /** *Returns* the body of the answer. *Errors* WireError. */
  run(call: Call, input: unknown): Promise<object>;
}

/** Rotations keep the versions of a declared secret; nobody else writes them. */
export const managed = (): WireError =>
  new WireError(
    'AccessDeniedException',
    'Rotations write this parameter. Rotate it with `keyturn rotate`, or put a version with `keyturn store put`.',
  );

/** As AWS says it, without a message: who may look there knows what was asked for. */
export const notFound = (): WireError => new WireError('ParameterNotFound');
