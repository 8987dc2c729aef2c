import { HeldCredential } from '../consumer/held-credential.js';

/** What is written into the file. */
export type FileFormat =
  /** The document as it is stored, to the byte. */
  | { readonly kind: 'json' }
  /** One field of the document, without a line break behind it. */
  | { readonly kind: 'value'; readonly field: string }
  /** Lines of `NAME='value'`. `variablesOf` gives the names, or sentences that say why there can be none. */
  | {
      readonly kind: 'env';
      readonly variablesOf: (value: string) => Readonly<Record<string, string>> | readonly string[];
    };

/** *Returns* the bytes, or a sentence that says why there are none. It never holds a value. */
export function contentOf(format: FileFormat, value: string): Buffer | string {
  switch (format.kind) {
    case 'json':
      return Buffer.from(value);
    case 'value': {
      const field = fieldOf(value, format.field);
      return field === undefined ? `it has no field ${format.field} that is a text` : Buffer.from(field);
    }
    case 'env': {
      const variables = format.variablesOf(value);
      if (isRefusal(variables)) return variables.join('; ');
      const lines = Object.entries(variables).map(([name, each]) => `${name}=${quoted(each)}\n`);
      return Buffer.from(lines.join(''));
    }
    default:
      return format satisfies never;
  }
}

/** A field of a document. *Returns* undefined where it has none of this name that is a text. */
export function fieldOf(value: string, field: string): string | undefined {
  try {
    return HeldCredential.parse(value, 0)?.get(field);
  } catch {
    return undefined;
  }
}

const isRefusal = (given: Readonly<Record<string, string>> | readonly string[]): given is readonly string[] =>
  Array.isArray(given);

/**
 * As `sh` and the `EnvironmentFile` of systemd read it back. What has no meaning to any reader stands bare, because the
 * env files of Docker know no quotes. Between `"` both take a backslash away before these four.
 * https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
 */
function quoted(value: string): string {
  if (/^[A-Za-z0-9_./:@%+,=-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
