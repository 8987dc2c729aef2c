import { type KeyturnError, keyturnError } from 'keyturn/rotator';
import type * as Undici from 'undici';
import type { Call } from './call.js';
import { type ApiKeyConfig, endpointOf } from './config.js';

/** One request, complete. */
export interface Exchange {
  readonly method: Undici.Dispatcher.HttpMethod;
  /** Absolute. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** True where it changes nothing at the provider: a lost answer then leaves nothing open. */
  readonly harmless: boolean;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  /** By its name in lower case; several of one name are joined by commas. Null: there is none. */
  readonly header: (name: string) => string | null;
  /** Null where it was not read to its end; `unread` says why. */
  readonly body: Buffer | null;
  readonly unread: string;
}

/**
 * Sends requests to one provider: TLS verified, redirects not followed, no cookies, bounded in time, in bytes and in
 * number. Every request has a connection of its own, so that none is lost to one the provider was just closing.
 */
export class Http {
  readonly #config: ApiKeyConfig;
  #opened: Promise<{ readonly undici: typeof Undici; readonly agent: Undici.Dispatcher }> | undefined;
  #nextMs = 0;

  constructor(config: ApiKeyConfig) {
    this.#config = config;
  }

  /**
   * *Errors* `TARGET_UNREACHABLE`, `TARGET_CHANGED` where the provider does not prove itself by TLS,
   * `DEADLINE_EXCEEDED`; with `outcome: 'unknown'` where the request may have been heard.
   */
  async send(exchange: Exchange, call: Call): Promise<Answer> {
    call.refuseAborted();
    await this.#awaitTurn(call);
    const { undici, agent } = await this.#open();
    // A timer takes whole milliseconds only.
    const timeoutMs = Math.min(this.#config.timeoutMs, Math.max(1, Math.floor(call.leftMs)));
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const { statusCode, headers, body } = await undici.request(exchange.url, {
        method: exchange.method,
        dispatcher: agent,
        headers: {
          accept: 'application/json',
          'user-agent': 'keyturn',
          ...(exchange.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...exchange.headers,
        },
        body: exchange.body ?? null,
        signal: AbortSignal.any([call.signal, deadline]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const header = (name: string): string | null => {
        const found = headers[name];
        return (Array.isArray(found) ? found.join(', ') : found) ?? null;
      };
      return { status: statusCode, header, ...(await read(body, this.#config.maxBytes)) };
    } catch (error) {
      throw this.#fault(error, exchange, call);
    }
  }

  /** *Repeat*: harmless. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) await (await opened).agent.close();
  }

  /** The client library is loaded when it is first needed. */
  #open(): Promise<{ readonly undici: typeof Undici; readonly agent: Undici.Dispatcher }> {
    this.#opened ??= import('undici').then((undici) => ({
      undici,
      agent: new undici.Agent({
        pipelining: 0,
        // Said outright, so that no variable of the environment turns it off.
        connect: { rejectUnauthorized: true, timeout: this.#config.timeoutMs, ...this.#ca() },
      }),
    }));
    return this.#opened;
  }

  #ca(): { readonly ca?: string } {
    return this.#config.ca === undefined ? {} : { ca: this.#config.ca };
  }

  async #awaitTurn(call: Call): Promise<void> {
    const { requestsPerSecond } = this.#config;
    if (requestsPerSecond === undefined) return;
    const nowMs = performance.now();
    const turnMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = turnMs + 1_000 / requestsPerSecond;
    if (turnMs > nowMs) await call.pause(turnMs - nowMs);
  }

  #fault(error: unknown, { harmless }: Exchange, call: Call): KeyturnError {
    const endpoint = endpointOf(this.#config);
    const code = codeOf(error);
    const outcome = harmless || neverSent.test(code) ? 'none' : 'unknown';
    if (call.signal.aborted) return call.aborted(harmless ? 'none' : 'unknown');
    if (tlsFault.test(code)) {
      return keyturnError('TARGET_CHANGED', { endpoint, finding: `it did not prove itself by TLS (${code})` });
    }
    return keyturnError('TARGET_UNREACHABLE', { endpoint, outcome }, new Error(code));
  }
}

/** Nothing of the request had left when this was noticed. */
const neverSent = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;
const tlsFault = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|EPROTO$)/;

/** Libraries put what they were sending into their messages: the code is all that is kept. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unnamed';
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^\w{1,60}$/.test(code)) return code;
  return 'name' in error && typeof error.name === 'string' && /^\w{1,60}$/.test(error.name) ? error.name : 'unnamed';
}

/** The status stands, whatever becomes of the rest. */
async function read(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Pick<Answer, 'body' | 'unread'>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Leaving the loop destroys the stream and with it the connection.
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > maxBytes) return { body: null, unread: `its answer is longer than ${maxBytes} bytes` };
      chunks.push(chunk);
    }
  } catch {
    return { body: null, unread: 'its answer did not come to an end in time' };
  }
  return { body: Buffer.concat(chunks), unread: '' };
}
