import { Secret, keyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { type ApiKeyConfig, type Auth, endpointOf } from './config.js';
import type { Answer, Exchange, Http } from './http.js';
import { jsonOf } from './json-answer.js';
import { basicPair, isOneLine, textOf } from './placeholders.js';

/** An access token is asked for again this long before it ends. Milliseconds. */
const earlyMs = 30_000;

/** What a request needs so that the provider knows us. */
export interface Presented {
  readonly headers: Readonly<Record<string, string>>;
  /** To be added to the query; []: nothing. */
  readonly query: readonly (readonly [name: string, value: string])[];
}

/** Says who we are, in every request but that which tries a key. */
export class AdminCredentials {
  readonly #config: ApiKeyConfig;
  readonly #http: Http;
  #token: { readonly value: Secret; readonly endsMs: number } | undefined;

  constructor(config: ApiKeyConfig, http: Http) {
    this.#config = config;
    this.#http = http;
  }

  /** *Errors* `ADMIN_REFUSED` where a token is asked for and refused; see {@link Http.send}. */
  async present(call: Call): Promise<Presented> {
    const { auth } = this.#config;
    switch (auth.kind) {
      case 'bearer':
        return authorization(`Bearer ${headerText(auth.token)}`);
      case 'basic':
        return authorization(`Basic ${basicPair(auth.username, auth.password)}`);
      case 'header':
        return { headers: { [auth.name.toLowerCase()]: `${auth.prefix}${headerText(auth.value)}` }, query: [] };
      case 'query':
        return { headers: {}, query: [[auth.name, textOf(auth.value)]] };
      case 'oauth':
        return authorization(`Bearer ${headerText(await this.#accessToken(auth, call))}`);
      default:
        return auth satisfies never;
    }
  }

  /** Forgets a token that the provider no longer takes. *Returns* true where there may be a better one. */
  refused(): boolean {
    const had = this.#token !== undefined;
    this.#token = undefined;
    return had;
  }

  async #accessToken(auth: Extract<Auth, { kind: 'oauth' }>, call: Call): Promise<Secret> {
    if (this.#token !== undefined && this.#token.endsMs > performance.now()) return this.#token.value;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (auth.scope !== undefined) form.set('scope', auth.scope);
    const exchange: Exchange = {
      method: 'POST',
      url: auth.tokenUrl,
      // RFC 6749, 2.3.1: both are form-encoded before they are put together.
      headers: {
        authorization: `Basic ${basicPair(encodeURIComponent(auth.clientId), auth.clientSecret, encodeURIComponent)}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
      harmless: true,
    };
    const token = readToken(await this.#http.send(exchange, call), this.#config);
    this.#token = token;
    return token.value;
  }
}

function readToken(answer: Answer, config: ApiKeyConfig): { readonly value: Secret; readonly endsMs: number } {
  const endpoint = endpointOf(config);
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    throw keyturnError('ADMIN_REFUSED', { endpoint, outcome: 'none' });
  }
  const parsed = answer.status === 200 ? jsonOf(answer) : { finding: `it answered ${answer.status}` };
  const document = 'document' in parsed ? parsed.document : undefined;
  const token = memberOf(document, 'access_token');
  if (typeof token !== 'string' || token === '') {
    const finding = 'finding' in parsed ? parsed.finding : 'there is no access_token in its answer';
    throw keyturnError('ANSWER_UNREADABLE', { endpoint, request: 'the token request', finding, outcome: 'none' });
  }
  const seconds = memberOf(document, 'expires_in');
  const lastsMs = typeof seconds === 'number' ? seconds * 1_000 : 0;
  return { value: Secret.fromText(token), endsMs: performance.now() + lastsMs - earlyMs };
}

function memberOf(document: unknown, name: string): unknown {
  return typeof document === 'object' && document !== null ? Reflect.get(document, name) : undefined;
}

const authorization = (value: string): Presented => ({ headers: { authorization: value }, query: [] });

function headerText(secret: Secret): string {
  const text = textOf(secret);
  if (isOneLine(text)) return text;
  throw keyturnError('SETTING_INVALID', {
    setting: 'the admin credential of the target',
    finding: 'it holds a line break or another control character',
    cure: 'Write it anew into its file or variable, without anything after it.',
  });
}
