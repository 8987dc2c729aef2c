/** Shared by all copies of this package in a process: `instanceof` fails across copies, a registered symbol does not. */
const OPEN = Symbol.for('keyturn.secret.open');

/** Node prints an object by this method when it has one. Named by its registered symbol because `core` imports nothing. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

const PRINTED = '[secret]';

/**
 * A value that cannot be printed, serialised, logged or thrown by mistake.
 *
 * Every way of turning it into text either prints `[secret]` (`util.inspect`, `console.log`) or throws
 * (`String(s)`, `` `${s}` ``, `JSON.stringify(s)`, `s + ''`). The only way in is {@link openSecret}, which is easy to
 * grep for, and a test keeps the list of files that call it.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes the bytes over: the caller must not keep or change them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** For values that arrive as text (an environment variable, a provider's answer). UTF-8. */
  static fromText(text: string): Secret {
    return new Secret(new TextEncoder().encode(text));
  }

  /** Overwrites the value with zeros. *Repeat*: harmless. Afterwards the secret opens as zeros. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  /** @internal Reached through {@link openSecret} only. */
  [OPEN](): Uint8Array {
    return this.#bytes;
  }

  toString(): never {
    return refuse('toString');
  }

  toJSON(): never {
    return refuse('toJSON');
  }

  valueOf(): never {
    return refuse('valueOf');
  }

  [Symbol.toPrimitive](): never {
    return refuse('a primitive');
  }

  get [Symbol.toStringTag](): string {
    return 'Secret';
  }

  [INSPECT](): string {
    return PRINTED;
  }
}

/** The error a `Secret` throws when somebody turns it into text. Its message holds no part of the value. */
export class SecretStringified extends TypeError {
  override readonly name = 'SecretStringified';
  readonly code = 'SECRET_STRINGIFIED';
}

function refuse(way: string): never {
  throw new SecretStringified(
    `SECRET_STRINGIFIED: a secret was about to become text by ${way}. Pass the Secret itself, or log its digest.`,
  );
}

/** True for a `Secret` of this or any other copy of the package. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && OPEN in value;
}

/**
 * The one way into a `Secret`: its bytes, not a copy.
 *
 * The caller must not keep, change or print them, and must be on the list in `test/architecture/secret-openers.test.ts`.
 */
export function openSecret(secret: Secret): Uint8Array {
  return secret[OPEN]();
}

/**
 * Compares two values without telling by its duration where they differ.
 *
 * *Returns* false for different lengths at once: lengths are not secret here.
 */
export function sameSecret(a: Secret, b: Secret): boolean {
  const left = openSecret(a);
  const right = openSecret(b);
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i += 1) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
  return difference === 0;
}
