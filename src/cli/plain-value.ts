import { runInNewContext } from 'node:vm';
import { javaScriptPattern, matchesPattern } from '../core/allowed-pattern.js';
import { formFault } from '../core/declared-form.js';
import { type Secret, openSecret } from '../core/secret.js';
import type { ParameterDetails } from '../ports/parameters.js';

/** Of the advanced tier. */
const maxBytes = 8_192;

/** The longest a pattern may take: one that goes back and forth for ever would never end. Milliseconds. */
const patternTimeoutMs = 1_000;

/** What is wrong with a value, and what to do about it. */
export interface ValueFault {
  readonly finding: string;
  readonly cure: string;
}

/**
 * Says why a plain parameter cannot have this value: readers of the wire protocol get it as JSON, and what was declared
 * of the parameter holds. *Returns* `undefined` where it can. Nothing of the value is ever in the answer.
 */
export function valueFault(value: Secret, { dataType, allowedPattern }: ParameterDetails): ValueFault | undefined {
  const bytes = openSecret(value);
  if (bytes.length === 0) return { finding: 'the value is empty', cure: 'Give it by --file or on standard input.' };
  if (bytes.length > maxBytes) {
    return { finding: `the value has more than ${maxBytes} bytes`, cure: 'Keep it elsewhere, and here where it is.' };
  }
  const text = textOf(bytes);
  if (text === undefined) return { finding: 'the value is no UTF-8 text', cure: 'Put it in Base64.' };
  if (/\{\{.*\}\}/s.test(text)) {
    return { finding: 'the value has {{ }} in it, which SSM takes for a reference', cure: 'Put it without them.' };
  }
  const form = dataType === undefined ? undefined : formFault(text, dataType);
  if (form !== undefined)
    return { finding: `the value is not ${form}, as its data type says`, cure: 'Give one that is.' };
  return allowedPattern === undefined || allowedPattern === '' ? undefined : patternFault(allowedPattern, text);
}

/** In a context of its own, only because that is where an expression can be given a time limit. */
function patternFault(pattern: string, text: string): ValueFault | undefined {
  try {
    const matches: unknown = runInNewContext(
      matchesPattern,
      { pattern: javaScriptPattern(pattern), value: text },
      { timeout: patternTimeoutMs },
    );
    return matches === true
      ? undefined
      : { finding: 'the value does not match the allowed pattern of the parameter', cure: 'Give one that does.' };
  } catch {
    return {
      finding: 'the allowed pattern of the parameter takes too long on this value',
      cure: 'Put it with another pattern, by the wire protocol.',
    };
  }
}

/** True where a value ends in a line break, which `echo` adds and few applications expect. */
export const endsInLineBreak = (value: Secret): boolean => openSecret(value).at(-1) === 10;

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
