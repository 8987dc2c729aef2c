import { type KeyturnError, keyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { type ApiKeyConfig, endpointOf } from './config.js';
import { AdminCredentials } from './credentials.js';
import { type Answer, Http } from './http.js';
import { jsonOf } from './json-answer.js';
import { type Filling, fill } from './placeholders.js';
import { at } from './pointer.js';
import { fullCure } from './fullness.js';
import type { ClassifyRow, Match, RequestName, Sent } from './request-schema.js';
import { readRetryAfter } from './retry-after.js';

/** A request of the definition other than the one that tries a key. */
export type AskedRequest = Sent & { readonly expect: readonly Match[] };

/** An answer as the definition expects it. */
export type Expected =
  | {
      readonly kind: 'ok';
      /** What was asked, without what our credentials have added to it. */
      readonly url: string;
      readonly answer: Answer;
      /** What stands at a pointer of its body. *Errors* `ANSWER_UNREADABLE`, which names the pointer. */
      readonly at: (pointer: string) => unknown;
    }
  /** There is no such key. */
  | { readonly kind: 'gone' };

/** Asks one provider what its definition says, and sorts what it answers. */
export class Provider {
  readonly #config: ApiKeyConfig;
  readonly #http: Http;
  readonly #admin: AdminCredentials;

  constructor(config: ApiKeyConfig) {
    this.#config = config;
    this.#http = new Http(config);
    this.#admin = new AdminCredentials(config, this.#http);
  }

  /** *Repeat*: harmless. */
  async close(): Promise<void> {
    await this.#http.close();
  }

  /**
   * Makes one of our own requests.
   *
   * *Errors*: what `classify` and the statuses mean, with `outcome: 'none'` only where nothing was changed for certain.
   */
  async ask(name: Exclude<RequestName, 'verify'>, request: AskedRequest, asking: Asking): Promise<Expected> {
    const { url, answer } = await this.#exchange(request, asking);
    const { call } = asking;
    const json = jsonOf(answer);
    const document = 'document' in json ? json.document : undefined;
    const row = this.#config.classify.find(
      (each) => (each.request ?? name) === name && isMatch(each, answer.status, document),
    );
    const about = { name, request, answer, call };
    if (row !== undefined) return this.#classified(row, about);
    if (request.expect.some((each) => isMatch(each, answer.status, document))) {
      return { kind: 'ok', url, answer, at: (pointer) => this.#read(pointer, json, about) };
    }
    return this.#unexpected(about);
  }

  /** Tries a key, by itself. *Returns* what it was answered; see {@link Http.send} for errors. */
  async trial(filling: Filling, call: Call): Promise<'accepted' | 'refused' | { readonly unknown: string }> {
    const { verify } = this.#config.requests;
    const { method, path, headers, body } = fill(verify, { ...this.#own(), ...filling });
    const answer = await this.#http.send({ method, url: this.#urlOf(path), headers, body, harmless: true }, call);
    const json = jsonOf(answer);
    const document = 'document' in json ? json.document : undefined;
    const matches = (each: Match): boolean => isMatch(each, answer.status, document);
    if (verify.refused.some(matches)) return 'refused';
    if (verify.accepted.some(matches)) {
      return isPage(answer) ? { unknown: `it answered ${answer.status} by a page of HTML` } : 'accepted';
    }
    return { unknown: `it answered ${answer.status}, which says neither yes nor no` };
  }

  /** The answer to a form that the definition does not know. */
  unreadable(name: RequestName, finding: string, outcome: 'none' | 'unknown'): KeyturnError {
    return keyturnError('ANSWER_UNREADABLE', { endpoint: endpointOf(this.#config), request: name, finding, outcome });
  }

  async #exchange(
    request: AskedRequest,
    { filling, call, ...asking }: Asking,
  ): Promise<{ readonly url: string; readonly answer: Answer }> {
    const filled = fill(request, { ...this.#own(), ...filling });
    const { href: url } = extended(asking.url ?? this.#urlOf(filled.path), asking.query ?? []);
    for (let tries = 1; ; tries += 1) {
      const presented = await this.#admin.present(call);
      const answer = await this.#http.send(
        {
          method: filled.method,
          url: extended(url, presented.query).href,
          headers: { ...lowerCased({ ...filled.headers, ...asking.headers }), ...presented.headers },
          body: filled.body,
          harmless: filled.method === 'GET',
        },
        call,
      );
      // An access token may be revoked before its time. One that is refused has changed nothing.
      if (answer.status !== 401 || tries > 1 || !this.#admin.refused()) return { url, answer };
    }
  }

  #own(): Filling {
    const secrets = Object.entries(this.#config.secrets).map(([name, value]) => [`secret.${name}`, value] as const);
    return { principal: this.#config.principal, ...Object.fromEntries(secrets) };
  }

  #urlOf(path: string): string {
    return `${this.#config.baseUrl.replace(/\/+$/, '')}${path}`;
  }

  #read(pointer: string, json: ReturnType<typeof jsonOf>, { name, request }: About): unknown {
    const outcome = request.method === 'GET' ? 'none' : 'unknown';
    if ('finding' in json) throw this.unreadable(name, json.finding, outcome);
    const found = at(json.document, pointer);
    if (found !== undefined) return found;
    throw this.unreadable(name, `there is nothing at ${pointer === '' ? 'the whole' : pointer} of its answer`, outcome);
  }

  #classified({ means }: ClassifyRow, about: About): Expected {
    const endpoint = endpointOf(this.#config);
    const { answer, name } = about;
    switch (means) {
      case 'gone':
        // Of a list it would say that there are no keys, which a missing list does not.
        if (isAboutOne.has(name)) return { kind: 'gone' };
        throw this.unreadable(name, `it answered ${answer.status}`, outcomeOf(about));
      case 'rejected-by-policy':
        throw keyturnError('VALUE_REJECTED', { endpoint, outcome: 'none' });
      case 'rejected-by-authority':
        throw keyturnError('ADMIN_REFUSED', { endpoint, outcome: 'none' });
      case 'transient':
        throw keyturnError('TARGET_BUSY', { endpoint, outcome: 'none', ...readRetryAfter(answer, about.call.ctx) });
      case 'quota':
        throw keyturnError('TARGET_FULL', {
          endpoint,
          finding: `it answered ${answer.status} to ${name}`,
          cure: fullCure,
        });
      case 'unknown':
        throw this.unreadable(name, `it answered ${answer.status}`, outcomeOf(about));
      default:
        return means satisfies never;
    }
  }

  #unexpected(about: About): Expected {
    const { name, answer, call } = about;
    const endpoint = endpointOf(this.#config);
    const { status } = answer;
    const putOff = readRetryAfter(answer, call.ctx);
    if (status === 401 || status === 403) throw keyturnError('ADMIN_REFUSED', { endpoint, outcome: 'none' });
    if ((status === 404 || status === 410) && isAboutOne.has(name)) return { kind: 'gone' };
    // What was turned away at the door was not done; 503 may also come from behind it.
    if (status === 429) throw keyturnError('TARGET_THROTTLED', { endpoint, outcome: 'none', ...putOff });
    const outcome = outcomeOf(about);
    if (status === 503) throw keyturnError('TARGET_THROTTLED', { endpoint, outcome, ...putOff });
    if (status >= 300 && status < 400) throw this.unreadable(name, redirectOf(answer), outcome);
    throw this.unreadable(name, `it answered ${status}, which is not expected`, outcome);
  }
}

/** What goes with a request. */
export interface Asking {
  readonly filling: Filling;
  readonly call: Call;
  /** Absolute. Default: that of the definition. */
  readonly url?: string | undefined;
  /** Beside the query of the URL, or in its place. */
  readonly query?: Query | undefined;
  /** Beside those of the definition. */
  readonly headers?: Readonly<Record<string, string>>;
}

type Query = readonly (readonly [name: string, value: string])[];

interface About {
  readonly name: Exclude<RequestName, 'verify'>;
  readonly request: AskedRequest;
  readonly answer: Answer;
  readonly call: Call;
}

/** Requests about one key: 404 says that there is none. */
const isAboutOne: ReadonlySet<RequestName> = new Set<RequestName>(['disable', 'enable', 'destroy']);

/** Looking changes nothing. Whatever else was answered with an error may have been done all the same. */
const outcomeOf = ({ request }: About): 'none' | 'unknown' => (request.method === 'GET' ? 'none' : 'unknown');

function isMatch({ status, pointer, equals, absent }: Match, found: number, document: unknown): boolean {
  if (status !== found) return false;
  if (pointer === undefined) return true;
  // Of a body that is no JSON nobody can say what is missing in it.
  if (typeof document !== 'object' || document === null) return false;
  const value = at(document, pointer);
  if (absent === true) return value === undefined;
  return equals === undefined ? value !== undefined : value === equals;
}

/** A page for people, of the provider or of a proxy before it, is shown to whoever comes: to ask for a login, or to say sorry. */
function isPage({ header, body }: Answer): boolean {
  return body?.length !== 0 && /^text\/html\b/i.test(header('content-type')?.trim() ?? '');
}

/** Where it leads is named without path and query, which may hold anything. */
function redirectOf(answer: Answer): string {
  const location = answer.header('location') ?? '';
  const where = URL.canParse(location) ? ` to ${new URL(location).origin}` : '';
  return `it answered ${answer.status}, a redirect${where}, and redirects are not followed`;
}

function extended(url: string, query: Query): URL {
  const found = new URL(url);
  for (const [name, value] of query) found.searchParams.set(name, value);
  return found;
}

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
