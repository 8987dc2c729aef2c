import type { Classification } from '../../contract/rotator.js';
import { isErrorCode, isKeyturnError, keyturnError } from '../../core/errors.js';
import { ChildEnded, ThrownInChild } from './rotator-child.js';

/** An error of a rotator that the catalogue does not know, sorted where it was thrown. */
export class ThrownByRotator extends Error {
  constructor(
    override readonly name: string,
    message: string,
    readonly classification: Classification,
  ) {
    super(message);
  }
}

/** What a rotator threw, as an error of this side. A code that this version does not know is an unknown error. */
export function thrownError({ error }: ThrownInChild, rotator: string): Error {
  if (error.kind === 'unknown') return new ThrownByRotator(error.name, error.message, error.classification);
  if (isErrorCode(error.code)) return keyturnError(error.code, error.facts);
  return new ThrownByRotator(error.code, `${rotator} gave a code that this version does not know`, 'unknown');
}

/** A process that ended. Where the call had not been sent there was no effect, for certain. */
export function endedError(
  { finding }: ChildEnded,
  of: { readonly rotator: string; readonly call: string; readonly wasAsked: boolean },
): Error {
  const { rotator, call, wasAsked } = of;
  return keyturnError('ROTATOR_CRASHED', { rotator, call, finding, ...(wasAsked ? {} : { outcome: 'none' }) });
}

/** Why a package cannot be a rotator, found when its process was first asked. An error of the catalogue stays as it is. */
export function unfitAtStart(name: string, found: unknown): Error {
  if (isKeyturnError(found)) return found;
  return keyturnError('ROTATOR_UNFIT', { package: name, finding: findingOf(found), cure: cureOf(found) });
}

function findingOf(found: unknown): string {
  if (typeof found === 'string') return found;
  if (found instanceof ChildEnded) return found.finding;
  if (!(found instanceof ThrownInChild) || found.error.kind !== 'unknown') return 'it failed to describe itself';
  const { name, message, code } = found.error;
  const missing = missingImport(found);
  if (missing !== undefined) return `it imports ${missing}, which is not installed`;
  return `it failed to load: ${printable(`${code ?? name}: ${message}`)}`;
}

function cureOf(found: unknown): string {
  const missing = missingImport(found);
  if (missing !== undefined) return `Run: npm install ${missing}`;
  return 'Read its documentation, or ask its author';
}

function missingImport(found: unknown): string | undefined {
  if (!(found instanceof ThrownInChild) || found.error.kind !== 'unknown') return undefined;
  return /Cannot find package '((?:@[\w.-]+\/)?[\w.-]+)/.exec(found.error.message)?.[1];
}

/** It goes to a terminal, and was written by somebody else. */
function printable(text: string): string {
  return text.replace(/[^\P{C}]+/gu, ' ').slice(0, 300);
}
