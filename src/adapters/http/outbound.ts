import { lookup as systemLookup } from 'node:dns';
import { type LookupFunction, isIP } from 'node:net';
import { Agent, buildConnector, request } from 'undici';
import { isAllowedHost } from '../../core/allowed-host.js';
import { isPublicAddress } from './addresses.js';

/** What may be reached. */
export interface OutboundOptions {
  /** Loopback and private addresses, and plain HTTP. Default false: public addresses by HTTPS only. */
  readonly allowPrivate?: boolean;
  /** As {@link isAllowedHost} has them. Default: any. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Tells the addresses of a name. Default: `dns.lookup`, so that names mean here what they do elsewhere on the machine. */
  readonly lookup?: LookupFunction;
}

/** One request: a POST, or a GET where there is no body. */
export interface Asking {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: a GET. */
  readonly body?: string;
  /** For connecting, sending and the whole answer. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** How a request went. `unreachable` says why without quoting an answer. */
export type Answered =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | null;
      /** The first 64 KB; null where there was more, or it did not end in time. */
      readonly body: Buffer | null;
    }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** More than this of an answer is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Why a request was not made. Its message is ours and holds no address. */
class Refused extends TypeError {}

const notHttps = 'its address is not https';
const notPublic = 'its address is not public';
const notListed = 'its host is not one of allowHosts';

/** What is wrong with an address as it is written. */
function faultOf(
  { protocol, hostname }: URL,
  { allowPrivate = false, allowHosts }: OutboundOptions,
): string | undefined {
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) return notHttps;
  return isAllowedHost(hostname, allowHosts) ? undefined : notListed;
}

const literalOf = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/**
 * Why nothing would be sent to an address, in the words of {@link Answered}; undefined where it would be, as far as can be
 * told without connecting. A name that cannot be looked up is no reason: it may be back when it is needed.
 */
export async function refusalOf(url: string, options: OutboundOptions = {}): Promise<string | undefined> {
  const { allowPrivate = false, lookup = systemLookup } = options;
  const parsed = new URL(url);
  const fault = faultOf(parsed, options);
  if (fault !== undefined || allowPrivate) return fault;
  const literal = literalOf(parsed.hostname);
  if (isIP(literal) !== 0) return isPublicAddress(literal) ? undefined : notPublic;
  return new Promise((resolve) => {
    publicOnly(lookup)(literal, { all: true }, (error) => {
      resolve(error instanceof Refused ? error.message : undefined);
    });
  });
}

/**
 * Makes a way out. Each request has a connection of its own, so that nothing of one receiver reaches the next; redirects
 * are answers like any other. *Repeat*: each call sends. Never throws.
 */
export function outbound(options: OutboundOptions = {}): (asking: Asking) => Promise<Answered> {
  const { allowPrivate = false, lookup = systemLookup } = options;
  const agent = new Agent({ pipelining: 0, connect: connector(allowPrivate, lookup) });
  return async ({ url, headers, body, timeoutMs, signal }) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const fault = faultOf(new URL(url), options);
      if (fault !== undefined) throw new Refused(fault);
      const answer = await request(url, {
        method: body === undefined ? 'GET' : 'POST',
        dispatcher: agent,
        headers,
        body: body ?? null,
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const retryAfter = answer.headers['retry-after'];
      return {
        kind: 'answered',
        status: answer.statusCode,
        retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
        body: await start(answer.body),
      };
    } catch (error) {
      return { kind: 'unreachable', reason: deadline.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error) };
    }
  };
}

/** The beginning of the answer. The status stands whatever becomes of the rest. */
async function start(stream: AsyncIterable<Uint8Array>): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Leaving the loop destroys the stream and with it the connection.
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks);
}

/**
 * Looks at addresses three times: in the URL, because a lookup is not called for a literal; of what a name resolves to,
 * so that nothing inner is even connected to; and at the other end of the connection, before a byte of the request is
 * sent.
 */
function connector(allowPrivate: boolean, lookup: LookupFunction): buildConnector.connector {
  const connect = buildConnector({ timeout: 10_000, lookup: allowPrivate ? lookup : publicOnly(lookup) });
  if (allowPrivate) return connect;
  return (options, callback) => {
    const literal = literalOf(options.hostname);
    if (isIP(literal) !== 0 && !isPublicAddress(literal)) {
      callback(new Refused(notPublic), null);
      return;
    }
    connect(options, (...result) => {
      const [error, socket] = result;
      if (error !== null || isPublicAddress(socket.remoteAddress ?? '')) {
        callback(...result);
        return;
      }
      socket.destroy();
      callback(new Refused(notPublic), null);
    });
  };
}

/** A lookup that refuses a name with an inner address. */
const publicOnly =
  (lookup: LookupFunction): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, answer) => {
      // Asked for all it gives a list, and nothing beside an error.
      const addresses = Array.isArray(answer) ? answer : [];
      const [first] = addresses;
      if (error !== null) callback(error, '', 4);
      // One inner address among public ones is enough: which of them is connected to is not ours to choose.
      else if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
        callback(new Refused(notPublic), '', 4);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

/** A code or a sentence of ours, never the message of a library: those quote addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (!(error instanceof Error)) return 'no answer';
  if (error.cause instanceof Refused) return error.cause.message;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'it was not waited for';
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : 'no answer';
}
