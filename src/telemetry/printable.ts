import { isKeyturnError } from '../core/errors.js';
import { isSecret } from '../core/secret.js';

/** Names under which nothing is ever printed, whatever it is. */
const hidden =
  /pass(word|wd|phrase)?|secretvalue|credential|token|authorization|cookie|api_?key|private_?key|connectionstring|verifier/i;

/** Names that hold such a word and nothing secret. */
const harmless = /^(oldCredential|newCredential|credentials?|token)(Id|Kind|s?Refused|Count)$/;

const maxDepth = 8;
const maxItems = 100;
const maxChars = 2_000;

/**
 * Plain data that can be printed: a `Secret` becomes `[secret]`, bytes become their number, maps, sets, errors and
 * getters are opened, what has a class is named by it, and what stands under a name like `password` is replaced.
 * No `toJSON` and no `toString` of anybody is called.
 */
export function printable(value: unknown): unknown {
  return print(value, 0, new Set());
}

/** Text without what stands between `://` and `@` or after `password=`, and not longer than a line should be. */
export function printableText(text: string): string {
  const clean = text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1[redacted]@')
    .replace(
      /\b(pass(?:word|wd)|pwd|token|secret|api_?key)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)/gi,
      '$1$2[redacted]',
    );
  return clean.length > maxChars ? `${clean.slice(0, maxChars)}…` : clean;
}

function print(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  switch (typeof value) {
    case 'string':
      return printableText(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return `${value}`;
    case 'symbol':
    case 'function':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : open(value, depth, above);
    default:
      return typeof value;
  }
}

function open(value: object, depth: number, above: ReadonlySet<object>): unknown {
  if (isSecret(value)) return '[secret]';
  if (above.has(value)) return '[circular]';
  if (depth > maxDepth) return '[deep]';
  return printObject(value, depth + 1, new Set([...above, value]));
}

function printObject(value: object, depth: number, above: ReadonlySet<object>): unknown {
  const inner = (each: unknown): unknown => print(each, depth, above);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, maxItems).map(inner);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[date]' : value.toISOString();
  if (value instanceof URL) return printableText(value.href);
  if (value instanceof Error) return printError(value, inner);
  if (value instanceof Set) return [...value].slice(0, maxItems).map(inner);
  if (value instanceof Map) {
    const entries = [...value].slice(0, maxItems);
    return entries.map(([key, each]) => [inner(key), isHidden(key) ? '[redacted]' : inner(each)]);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `[${nameOf(value)}]`;
  return printFields(value, inner);
}

function printFields(value: object, inner: (each: unknown) => unknown): Record<string, unknown> {
  const fields: [string, unknown][] = [];
  for (const key of Object.keys(value).slice(0, maxItems)) {
    // What hides behind a getter may throw or be made anew for every reader, so it is not read.
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    const field: unknown = descriptor?.value;
    if (key === 'toJSON' && typeof field === 'function') continue;
    const isRead = descriptor !== undefined && 'value' in descriptor;
    fields.push([key, isHidden(key) ? '[redacted]' : isRead ? inner(field) : '[getter]']);
  }
  // A field named __proto__ must stay a field.
  return Object.fromEntries(fields);
}

function printError(error: Error, inner: (each: unknown) => unknown): Record<string, unknown> {
  if (isKeyturnError(error)) return { name: error.name, code: error.code, message: printableText(error.message) };
  const { cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name: nameOf(error),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: printableText(`${error.message}`),
    ...(cause === undefined ? {} : { cause: inner(cause) }),
    ...(error instanceof AggregateError ? { errors: inner(error.errors) } : {}),
  };
}

function isHidden(key: unknown): boolean {
  return typeof key === 'string' && hidden.test(key) && !harmless.test(key);
}

/** The class, as far as it is one that can be told. */
function nameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'object';
}
