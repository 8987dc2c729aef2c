import type { Secret } from '../core/secret.js';
import { openSecret } from '../core/secret.js';

/** Values seen lately, so that a line that holds one can be told from others. */
export interface SeenSecrets {
  /** Remembers a value until it is forgotten. Shorter ones than 6 bytes are not: they would blacken any line. */
  readonly remember: (secret: Secret) => void;
  readonly forget: (secret: Secret) => void;
  /** The text with every form of every value replaced. */
  readonly scrub: (text: string) => string;
}

const printed = '[secret]';
const minBytes = 6;

/** A last net under logs: it knows values, where redaction knows only names. Keeps their forms as bytes and zeroes them. */
export function seenSecrets(): SeenSecrets {
  const forms = new Map<Secret, readonly Buffer[]>();
  return {
    remember: (secret) => {
      if (!forms.has(secret)) forms.set(secret, formsOf(secret));
    },
    forget: (secret) => {
      for (const form of forms.get(secret) ?? []) form.fill(0);
      forms.delete(secret);
    },
    scrub: (text) => replaceAll(text, [...forms.values()].flat()),
  };
}

/** The text with every form of these values replaced: clear, JSON- and URL-encoded, base64, base64url, hexadecimal. */
export function scrub(text: string, secrets: Iterable<Secret>): string {
  const forms = [...secrets].flatMap(formsOf);
  try {
    return replaceAll(text, forms);
  } finally {
    for (const form of forms) form.fill(0);
  }
}

function formsOf(secret: Secret): readonly Buffer[] {
  const bytes = Buffer.from(openSecret(secret));
  if (bytes.length < minBytes) {
    bytes.fill(0);
    return [];
  }
  // What is written into a line is text, so the forms are made by way of text.
  const clear = bytes.toString('utf8');
  const json = JSON.stringify(clear).slice(1, -1);
  const hex = bytes.toString('hex');
  const texts = new Set([
    clear,
    json,
    // A JSON document as a string inside another.
    JSON.stringify(json).slice(1, -1),
    encodeUrl(clear),
    bytes.toString('base64'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    hex,
    hex.toUpperCase(),
    // As a Buffer prints, and as its JSON does.
    hex.replace(/(..)(?!$)/g, '$1 '),
    bytes.join(','),
  ]);
  bytes.fill(0);
  // The longest first, so that no tail of one is left when a shorter one has matched.
  return [...texts].map((text) => Buffer.from(text)).sort((a, b) => b.length - a.length);
}

/** A lone surrogate cannot be URL-encoded; such a value is no URL's part either. */
function encodeUrl(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : text;
}

function replaceAll(text: string, forms: readonly Buffer[]): string {
  if (forms.length === 0) return text;
  let line = Buffer.from(text);
  let isClean = true;
  for (const form of forms) {
    for (let at = line.indexOf(form); at !== -1; at = line.indexOf(form, at + printed.length)) {
      line = Buffer.concat([line.subarray(0, at), Buffer.from(printed), line.subarray(at + form.length)]);
      isClean = false;
    }
  }
  return isClean ? text : line.toString('utf8');
}
