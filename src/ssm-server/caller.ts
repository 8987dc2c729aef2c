import { isGranted, isTreeGranted } from '../core/path-grant.js';
import type { Verb } from '../core/path-grant.js';
import type { AccessKey, StoreAccess } from '../ports/parameters.js';
import { type Claim, type SignedRequest, readClaim, signingKey, verifySignature } from './sigv4.js';
import { TokenBucket } from './token-bucket.js';
import { WireError } from './wire-error.js';

/** Who asks, proved by a signature. */
export interface Caller {
  readonly key: AccessKey;
  /** As the request was signed for; only names in answers are made of it. */
  readonly region: string;
}

/** How long a key is believed before it is read again: a revoked one works for so long at most. Milliseconds. */
const believedForMs = 1_000;

interface KnownKey {
  readonly key: AccessKey;
  readonly readAtMs: number;
  readonly signingKeys: Map<string, Buffer>;
  readonly bucket: TokenBucket;
}

/** Tells callers by their signatures, and slows down who asks too often. */
export class Callers {
  readonly #access: StoreAccess;
  readonly #monotonicMs: () => number;
  readonly #known = new Map<string, KnownKey>();
  /** By environment and principal. There are no more of them than people have made. */
  readonly #buckets = new Map<string, TokenBucket>();
  /** Who comes while a key is being read waits for the same answer. */
  readonly #asked = new Map<string, Promise<KnownKey | null>>();

  constructor(access: StoreAccess, monotonicMs: () => number) {
    this.#access = access;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * *Errors* `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `UnrecognizedClientException` for
   * a key that is unknown or revoked, `InvalidSignatureException`, `ThrottlingException`.
   */
  async identify(request: SignedRequest): Promise<Caller> {
    const claim = readClaim(request);
    const known = await this.#find(claim.keyId);
    if (known === null || request.headers['x-amz-security-token'] !== undefined) {
      throw new WireError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    }
    const now = this.#monotonicMs();
    verifySignature(request, claim, signingKeyOf(known, claim), known.key.nowMs + now - known.readAtMs);
    if (!known.bucket.take(now, known.key.requestsPerSecond))
      throw new WireError('ThrottlingException', 'Rate exceeded');
    return { key: known.key, region: claim.region };
  }

  async #find(keyId: string): Promise<KnownKey | null> {
    const known = this.#known.get(keyId);
    if (known !== undefined && this.#monotonicMs() - known.readAtMs < believedForMs) return known;
    const asked = this.#asked.get(keyId) ?? this.#ask(keyId);
    this.#asked.set(keyId, asked);
    try {
      return await asked;
    } finally {
      this.#asked.delete(keyId);
    }
  }

  async #ask(keyId: string): Promise<KnownKey | null> {
    const now = this.#monotonicMs();
    const key = await this.#access.find(keyId);
    if (key === null) {
      this.#known.delete(keyId);
      return null;
    }
    const fresh: KnownKey = {
      key,
      // Before the answer: the time in it is then rather too early than too late.
      readAtMs: now,
      signingKeys: new Map(),
      bucket: this.#bucketOf(key, now),
    };
    this.#known.set(keyId, fresh);
    return fresh;
  }

  #bucketOf({ environment, principal }: AccessKey, nowMs: number): TokenBucket {
    // No environment has a colon in its name.
    const whose = `${environment}:${principal}`;
    const bucket = this.#buckets.get(whose) ?? new TokenBucket(nowMs);
    this.#buckets.set(whose, bucket);
    return bucket;
  }
}

function signingKeyOf({ key, signingKeys }: KnownKey, { scope }: Claim): Buffer {
  const kept = signingKeys.get(scope);
  if (kept !== undefined) return kept;
  const made = signingKey(key.secret, scope);
  // A caller who names ever new regions must not fill the memory.
  if (signingKeys.size < 16) signingKeys.set(scope, made);
  return made;
}

/**
 * Refuses what no grant names, in the same words whether or not there is such a parameter.
 *
 * *Errors* `AccessDeniedException`.
 */
export function authorise({ key, region }: Caller, action: string, verb: Verb, path: string): void {
  if (!isGranted(key.grants, verb, path)) throw denied({ key, region }, action, path);
}

/** The same for everything below a path. */
export function authoriseTree({ key, region }: Caller, action: string, path: string): void {
  if (!isTreeGranted(key.grants, 'read', path))
    throw denied({ key, region }, action, path === '/' ? '/*' : `${path}/*`);
}

function denied({ key, region }: Caller, action: string, path: string): WireError {
  const resource = arnOf(region, path);
  return new WireError(
    'AccessDeniedException',
    `User: ${key.principal} is not authorized to perform: ssm:${action} on resource: ${resource} because no grant of its access key allows it`,
  );
}

/** The name that tools of AWS want of a parameter. There are no accounts here, so its account is zeros. */
export const arnOf = (region: string, path: string): string => `arn:aws:ssm:${region}:000000000000:parameter${path}`;
