import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';

/** The states of a key that calls can meet. */
export type KeyState = 'Enabled' | 'Disabled' | 'PendingDeletion' | 'Unavailable';

/** What the encryption of a data key is bound to. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** An answer that is an error, as it goes over the wire. */
export class KmsFault extends Error {
  constructor(
    override readonly name: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

interface Key {
  readonly arn: string;
  readonly material: Buffer;
  state: KeyState;
}

/** Keys, their states and their aliases, with real AES-256-GCM under the encryption context. */
export class KmsKeys {
  readonly #keys = new Map<string, Key>();
  readonly #aliases = new Map<string, string>();

  create(region: string): string {
    const arn = `arn:aws:kms:${region}:111122223333:key/${randomUUID()}`;
    this.#keys.set(arn, { arn, material: randomBytes(32), state: 'Enabled' });
    return arn;
  }

  /** Points an alias at a key, wherever it led before. */
  alias(name: string, arn: string): void {
    this.#aliases.set(name, arn);
  }

  put(arn: string, state: KeyState): void {
    this.#named(arn).state = state;
  }

  /** The key behind an ARN, a key id or an alias; only one that may be used now. *Errors* as KMS gives them. */
  usable(named: string): Key {
    const key = this.#named(named);
    switch (key.state) {
      case 'Enabled':
        return key;
      case 'Disabled':
        throw new KmsFault('DisabledException', `${key.arn} is disabled.`);
      case 'PendingDeletion':
        throw new KmsFault('KMSInvalidStateException', `${key.arn} is pending deletion.`);
      case 'Unavailable':
        throw new KmsFault('KMSInvalidStateException', `${key.arn} is unavailable.`);
      default:
        return key.state satisfies never;
    }
  }

  encrypt({ arn, material }: Key, plaintext: Buffer, context: EncryptionContext): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', material, nonce);
    const name = Buffer.from(arn);
    cipher.setAAD(Buffer.concat([name, canonical(context)]));
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([Buffer.of(name.length), name, nonce, cipher.getAuthTag(), ciphertext]);
  }

  /** *Errors* `InvalidCiphertextException` for anything but what was encrypted, under its context. */
  decrypt(blob: Buffer, context: EncryptionContext): { readonly key: Key; readonly plaintext: Buffer } {
    const key = this.usable(this.holderOf(blob));
    const at = 1 + (blob[0] ?? 0);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.material, blob.subarray(at, at + 12), { authTagLength: 16 });
      decipher.setAAD(Buffer.concat([Buffer.from(key.arn), canonical(context)]));
      decipher.setAuthTag(blob.subarray(at + 12, at + 28));
      return { key, plaintext: Buffer.concat([decipher.update(blob.subarray(at + 28)), decipher.final()]) };
    } catch {
      throw invalidCiphertext();
    }
  }

  /** The ARN of the key that a blob says it was encrypted under. */
  holderOf(blob: Buffer): string {
    const arn = blob.subarray(1, 1 + (blob[0] ?? 0)).toString('latin1');
    if (!this.#keys.has(arn)) throw invalidCiphertext();
    return arn;
  }

  #named(named: string): Key {
    const arn = this.#aliases.get(named) ?? named;
    const key = this.#keys.get(arn) ?? [...this.#keys.values()].find((each) => each.arn.endsWith(`:key/${named}`));
    if (key === undefined) throw new KmsFault('NotFoundException', `Invalid keyId ${named}`);
    return key;
  }
}

const invalidCiphertext = (): KmsFault => new KmsFault('InvalidCiphertextException', '');

/** The order of keys says nothing. */
function canonical(context: EncryptionContext): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1))));
}
