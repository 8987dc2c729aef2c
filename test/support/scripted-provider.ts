import { randomBytes } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { canary } from './canary.mjs';

/** A key at the provider. */
export interface ProviderKey {
  readonly id: string;
  readonly name: string;
  /** The field that people may write into. */
  readonly note: string;
  readonly secret: string;
  isOn: boolean;
  isDestroyed: boolean;
  /** By `performance.now()`; the list shows it from `listLagMs` after that. */
  readonly madeMs: number;
  /** Trials that are still accepted after it was destroyed. */
  grace: number;
}

/** What the provider is asked. `trial` is somebody who uses a key. */
export type Asked = 'create' | 'list' | 'destroy' | 'disable' | 'enable' | 'trial' | 'about' | 'token';

/** Answers one request in its own way. `apply` does first what was asked for, and gives back the proper body. */
export type Fault = (response: ServerResponse, apply: () => unknown) => void;

/** One request that came. */
export interface Seen {
  readonly asked: Asked;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** How it behaves; may be changed at any time. */
export interface Behaviour {
  /** How long a new key is missing from the list. Milliseconds. */
  listLagMs: number;
  /** More keys than this are refused with 422. */
  maximum: number;
  /** Trials that a destroyed key still passes. `Infinity`: it lies. */
  grace: number;
  /** Trials that a new key does not pass. */
  activation: number;
  /** Keys on one page of the list. */
  pageSize: number;
  /** Access tokens are refused after so many requests. */
  tokenUses: number;
  /** True where a key may manage keys. */
  keysManage: boolean;
}

/** A provider of API keys over HTTP that does what the test says. Its admin is known by `admin`, in every way there is. */
export class ScriptedProvider {
  readonly admin = { username: 'ops', secret: canary() };
  /** A bearer who may look at everything and change nothing. */
  readonly viewer = { secret: canary() };
  readonly keys: ProviderKey[] = [];
  readonly seen: Seen[] = [];
  readonly behaviour: Behaviour = {
    listLagMs: 0,
    maximum: Number.POSITIVE_INFINITY,
    grace: 0,
    activation: 0,
    pageSize: Number.POSITIVE_INFINITY,
    tokenUses: Number.POSITIVE_INFINITY,
    keysManage: false,
  };
  readonly #server: Server;
  readonly #origin: string;
  readonly #faults: { readonly on: Asked; readonly fault: Fault }[] = [];
  readonly #trials = new Map<string, number>();
  #token = { text: '', uses: 0 };

  private constructor(tls: Tls | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response).catch(() => response.destroy());
    };
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
    this.#origin = tls === undefined ? 'http://127.0.0.1' : 'https://localhost';
  }

  /** Starts it on a port of its own; with `tls` under the name `localhost`. The caller closes it. */
  static async start(tls?: Tls): Promise<ScriptedProvider> {
    const provider = new ScriptedProvider(tls);
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `${this.#origin}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request of this kind that has no fault yet is answered by this one. */
  fail(on: Asked, ...faults: readonly Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ on, fault })));
  }

  /** Makes a key as a person would. */
  plant(name: string, { id = newId(), note = '', secret = canary() } = {}): ProviderKey {
    const key = { id, name, note, secret, isOn: true, isDestroyed: false, madeMs: 0, grace: 0 };
    this.keys.push(key);
    return key;
  }

  /** Keys that work, and are no secret of the provider's. */
  live(): readonly ProviderKey[] {
    return this.keys.filter(({ isDestroyed, isOn }) => !isDestroyed && isOn);
  }

  accepts(secret: string): boolean {
    return this.live().some((key) => key.secret === secret);
  }

  /** How often it was asked. */
  count(asked: Asked): number {
    return this.seen.filter((each) => each.asked === asked).length;
  }

  /** *Repeat*: harmless. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, this.url);
    const asked = askedBy(method, pathname);
    if (asked === undefined) return reply(response, 404, { error: 'no such page' });
    this.seen.push({ asked, method, path: url, headers: request.headers, body });
    const at = this.#faults.findIndex(({ on }) => on === asked);
    const [planted] = at < 0 ? [] : this.#faults.splice(at, 1);
    const does = (): Reply => {
      if (asked === 'trial') return this.#try(this.#presentedBy(request));
      if (asked === 'token') return this.#giveToken(request);
      const isViewer = bearerOf(request) === this.viewer.secret;
      if (isViewer && request.method !== 'GET') return { status: 403, body: { error: 'you may only look' } };
      if (!isViewer && !this.#isAdmin(request, searchParams)) return { status: 401, body: { error: 'who are you?' } };
      return this.#do(asked, { id: decodeURIComponent(pathname.split('/')[2] ?? ''), body, query: searchParams });
    };
    if (planted !== undefined) return planted.fault(response, () => does().body);
    const { status, body: answer, headers = {} } = does();
    reply(response, status, answer, headers);
  }

  #do(asked: Asked, { id, body, query }: Doing): Reply {
    const key = this.keys.find((each) => each.id === id && !each.isDestroyed);
    switch (asked) {
      case 'create':
        return id === ''
          ? this.#create(JSON.parse(body) as { readonly name: string; readonly note?: string })
          : this.#put(id, JSON.parse(body) as { readonly secret: string; readonly note?: string });
      case 'list':
        return this.#list(Number(query.get('page') ?? query.get('cursor') ?? '1'));
      case 'about':
        return { status: 200, body: { installation: 'scripted-1' } };
      default:
        if (key === undefined) return { status: 404, body: { error: 'no such key' } };
        if (asked === 'destroy') Object.assign(key, { isDestroyed: true, grace: this.behaviour.grace });
        else key.isOn = asked === 'enable';
        return { status: 204, body: undefined };
    }
  }

  #create({ name, note = '' }: { readonly name: string; readonly note?: string }): Reply {
    if (this.keys.filter(({ isDestroyed }) => !isDestroyed).length >= this.behaviour.maximum) {
      return { status: 422, body: { error: { code: 'too_many' } } };
    }
    const key = this.plant(name, { note });
    Object.assign(key, { madeMs: performance.now() });
    this.#trials.set(key.secret, this.behaviour.activation);
    return { status: 201, body: { data: { id: key.id }, secret: key.secret } };
  }

  /** The id and the secret are the caller's. Put again, both are what was put last. */
  #put(id: string, { secret, note = '' }: { readonly secret: string; readonly note?: string }): Reply {
    const there = this.keys.find((key) => key.id === id && !key.isDestroyed);
    if (there === undefined) {
      Object.assign(this.plant(id, { id, note, secret }), { madeMs: performance.now() });
      this.#trials.set(secret, this.behaviour.activation);
    } else {
      Object.assign(there, { note, secret });
    }
    return { status: 204, body: undefined };
  }

  #list(page: number): Reply {
    const { listLagMs, pageSize } = this.behaviour;
    const shown = this.keys.filter((key) => !key.isDestroyed && key.madeMs + listLagMs <= performance.now());
    const from = pageSize === Number.POSITIVE_INFINITY ? 0 : (page - 1) * pageSize;
    const items = shown.slice(from, from + pageSize);
    const isLast = from + pageSize >= shown.length;
    const headers = isLast ? {} : { link: `<${this.url}/keys?page=${page + 1}>; rel="next"` };
    const body = {
      keys: items.map(({ id, name, note, isOn }) => ({ id, name, note, on: isOn })),
      next: isLast ? null : String(page + 1),
    };
    return { status: 200, body: page > 1 && pageSize === Number.POSITIVE_INFINITY ? { keys: [] } : body, headers };
  }

  #try(secret: string): Reply {
    const early = this.#trials.get(secret) ?? 0;
    if (early > 0) {
      this.#trials.set(secret, early - 1);
      return { status: 401, body: { ok: false } };
    }
    const key = this.keys.find((each) => each.secret === secret);
    const isLate = key?.isDestroyed === true && key.grace > 0;
    if (isLate) key.grace -= 1;
    const accepted = isLate || this.accepts(secret);
    return accepted ? { status: 200, body: { ok: true } } : { status: 401, body: { ok: false } };
  }

  /** By its secret alone, or by its id and its secret. */
  #presentedBy(request: IncomingMessage): string {
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (basic === undefined) return bearerOf(request);
    const [, id, secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
    return this.keys.some((key) => key.id === id && key.secret === secret) ? secret : '';
  }

  #giveToken(request: IncomingMessage): Reply {
    const expected = Buffer.from(`${this.admin.username}:${this.admin.secret}`).toString('base64');
    if (request.headers.authorization !== `Basic ${expected}`)
      return { status: 401, body: { error: 'invalid_client' } };
    this.#token = { text: randomBytes(16).toString('hex'), uses: this.behaviour.tokenUses };
    return { status: 200, body: { access_token: this.#token.text, token_type: 'bearer', expires_in: 3600 } };
  }

  #isAdmin({ headers }: IncomingMessage, query: URLSearchParams): boolean {
    const { username, secret } = this.admin;
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (bearer !== undefined && bearer === this.#token.text) {
      this.#token.uses -= 1;
      return this.#token.uses >= 0;
    }
    if (bearer !== undefined && this.behaviour.keysManage && this.accepts(bearer)) return true;
    const basic = `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
    const ways = [bearer === secret, headers.authorization === basic, headers['x-admin'] === secret];
    return ways.some(Boolean) || query.get('admin') === secret;
  }
}

/** What a server proves itself by, in PEM. */
interface Tls {
  readonly key: string;
  readonly cert: string;
}

interface Doing {
  readonly id: string;
  readonly body: string;
  readonly query: URLSearchParams;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Its definition for the rotator `api-key`, as somebody would write it. */
export const scriptedRequests = {
  create: {
    method: 'POST',
    path: '/keys',
    body: { name: '{name}', note: '{tag}' },
    identity: '/data/id',
    value: '/secret',
  },
  verify: { method: 'GET', path: '/me', headers: { authorization: 'Bearer {value}' } },
  list: { method: 'GET', path: '/keys', items: '/keys', identity: '/id', tag: '/note' },
  disable: { method: 'POST', path: '/keys/{identity}/disable' },
  enable: { method: 'POST', path: '/keys/{identity}/enable' },
  destroy: { method: 'DELETE', path: '/keys/{identity}' },
} as const;

/** Ways to answer otherwise. */
export const faults = {
  /** Nothing is done. */
  answer:
    (status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}): Fault =>
    (response) =>
      reply(response, status, body, headers),
  /** It is done, and answered like this. */
  doneBut:
    (status: number, body?: unknown): Fault =>
    (response, apply) => {
      apply();
      reply(response, status, body);
    },
  /** It is done, and answered properly but for what is changed. */
  doneWith:
    (change: (body: unknown) => unknown): Fault =>
    (response, apply) =>
      reply(response, 201, change(apply())),
  html:
    (status = 200): Fault =>
    (response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>maintenance</html>');
    },
  /** The line is cut before anything was done. */
  cut: (response: ServerResponse): void => void response.destroy(),
  /** It is done, and the line is cut before the answer. */
  doneAndCut: (response: ServerResponse, apply: () => unknown): void => {
    apply();
    response.destroy();
  },
  /** Nothing is done, and there is no answer. */
  hang: (): void => {},
  /** An answer of so many bytes. */
  huge:
    (bytes: number): Fault =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ filler: 'x'.repeat(bytes) }));
    },
  /** An answer that begins and never ends, a byte at a time. */
  drip: (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  },
} as const;

const newId = (): string => `k${randomBytes(6).toString('hex')}`;

const bearerOf = ({ headers }: IncomingMessage): string => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';

function askedBy(method: string, path: string): Asked | undefined {
  const [, first, id, verb] = path.split('/');
  if (first === 'me' && method === 'GET') return 'trial';
  if (first === 'about' && method === 'GET') return 'about';
  if (first === 'token' && method === 'POST') return 'token';
  if (first !== 'keys') return undefined;
  if (id === undefined) return method === 'POST' ? 'create' : method === 'GET' ? 'list' : undefined;
  if (method === 'DELETE' && verb === undefined) return 'destroy';
  if (method === 'PUT' && verb === undefined) return 'create';
  return method === 'POST' && (verb === 'disable' || verb === 'enable') ? verb : undefined;
}

function reply(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
