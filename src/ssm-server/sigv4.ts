import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Secret, openSecret } from '../core/secret.js';
import { WireError } from './wire-error.js';

/** The parts of a request that a signature covers. */
export interface SignedRequest {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/** What an `Authorization` header says. */
export interface Claim {
  readonly keyId: string;
  /** `20261124/eu-central-1/ssm/aws4_request`. */
  readonly scope: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261124T120000Z`. */
  readonly date: string;
}

/** How far a request's time may be from ours, as on AWS. Milliseconds. */
const maxSkewMs = 5 * 60_000;

const authorization =
  /^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]{1,128})\/([0-9]{8})\/([a-z0-9-]{1,40})\/ssm\/aws4_request, ?SignedHeaders=([a-z0-9;-]{1,1000}), ?Signature=([0-9a-f]{64})$/;

/**
 * Reads who a request says it is from (AWS Signature Version 4, in headers).
 *
 * *Errors* `MissingAuthenticationTokenException`, `IncompleteSignatureException`.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
export function readClaim({ headers }: Pick<SignedRequest, 'headers'>): Claim {
  const given = headers['authorization'];
  if (given === undefined) {
    throw new WireError('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
  }
  const parts = typeof given === 'string' ? authorization.exec(given) : null;
  const date = headers['x-amz-date'];
  if (parts === null || typeof date !== 'string' || !/^[0-9]{8}T[0-9]{6}Z$/.test(date)) throw incomplete();
  const [, keyId = '', day = '', region = '', names = '', signature = ''] = parts;
  const signedHeaders = names.split(';');
  const covered = ['host', 'x-amz-date', 'x-amz-target'].every((name) => signedHeaders.includes(name));
  if (!covered || !date.startsWith(day) || !signedHeaders.every((name) => typeof headers[name] === 'string')) {
    throw incomplete();
  }
  return { keyId, scope: `${day}/${region}/ssm/aws4_request`, region, signedHeaders, signature, date };
}

const incomplete = (): WireError =>
  new WireError(
    'IncompleteSignatureException',
    'Authorization must be AWS4-HMAC-SHA256 with a credential for ssm, the signed headers host, x-amz-date and x-amz-target, and a signature.',
  );

/** The key that signs for one day, region and service. It outlives no request but may be kept for the day. */
export function signingKey(secret: Secret, scope: string): Buffer {
  const start = Buffer.concat([Buffer.from('AWS4'), openSecret(secret)]);
  let key: Buffer = start;
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  start.fill(0);
  return key;
}

/**
 * Is the request what the holder of the key signed, and signed just now? `nowMs` is the database's time.
 *
 * *Errors* `InvalidSignatureException`.
 */
export function verifySignature(request: SignedRequest, claim: Claim, key: Buffer, nowMs: number): void {
  const expected = createHmac('sha256', key).update(stringToSign(request, claim)).digest();
  if (!timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))) {
    throw new WireError(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    );
  }
  const signedMs = Date.parse(claim.date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(signedMs)) throw incomplete();
  const now = `${new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  if (signedMs < nowMs - maxSkewMs) {
    throw new WireError(
      'InvalidSignatureException',
      `Signature expired: ${claim.date} is now earlier than ${now} - 5 min.`,
    );
  }
  if (signedMs > nowMs + maxSkewMs) {
    throw new WireError(
      'InvalidSignatureException',
      `Signature not yet current: ${claim.date} is still later than ${now} + 5 min.`,
    );
  }
}

function stringToSign({ headers, body }: SignedRequest, { scope, date, signedHeaders }: Claim): string {
  const canonical = [
    'POST',
    '/',
    '',
    ...signedHeaders.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    sha256(body),
  ].join('\n');
  return ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
