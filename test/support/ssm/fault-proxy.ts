import {
  Agent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request of the wire protocol, on its way through the proxy. */
export interface ProxiedRequest {
  /** `PutParameter`. */
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The same for every try of one call of the SDK. */
  readonly invocation: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** An answer of the server. */
export interface ProxiedAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * What happens to a request:
 * - `refuse`: the server never sees it; the answer is this error;
 * - `reset`: the server never sees it; the connection is reset;
 * - `lose-answer`: the server carries it out, and its answer is lost with the connection;
 * - `hold`: it waits until it is let go; who sent it may be gone by then, and the server carries it out all the same;
 * - `first`: something else happens before it goes on;
 * - `stale`: the answer is the one to the last request of this kind that was let through: it shows the world as it was;
 * - `change`: the answer is changed.
 */
export type Fault =
  | { readonly kind: 'refuse'; readonly error: string; readonly message?: string; readonly status?: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'lose-answer' }
  | {
      readonly kind: 'hold';
      readonly until: Promise<void>;
      readonly onHeld?: () => void;
      readonly onLanded?: () => void;
    }
  | { readonly kind: 'first'; readonly does: (request: ProxiedRequest) => Promise<void> | void }
  | { readonly kind: 'stale' }
  | { readonly kind: 'change'; readonly answer: (body: Record<string, unknown>) => Record<string, unknown> };

/** Which requests meet a fault, and how many of them. */
export interface FaultRule {
  /** Default: any. */
  readonly operation?: string;
  /** Default: all of these operations. */
  readonly when?: (request: ProxiedRequest) => boolean;
  /** Default: 1. */
  readonly times?: number;
}

interface Planted extends Required<Pick<FaultRule, 'when'>> {
  readonly operation: string | undefined;
  readonly fault: Fault;
  left: number;
}

/** As many requests as a bucket has tokens; the rest are answered as AWS answers over its rate. */
export interface Bucket {
  readonly operation: string;
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * A proxy before a server of the SSM wire protocol, whose network, rights and time can be made bad, one request at a
 * time. Signatures pass: a request goes on as it came.
 */
export class FaultProxy {
  readonly endpoint: string;
  /** Every request that came, in order, without its value. */
  readonly requests: ProxiedRequest[] = [];
  /** How many requests of an operation the bucket has turned away. */
  throttled = 0;
  /** How far its clock is ahead of this process's, in the date of every answer. Milliseconds. */
  aheadMs = 0;
  readonly #server: Server;
  readonly #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #planted: Planted[] = [];
  readonly #last = new Map<string, ProxiedAnswer>();
  #bucket: (Bucket & { tokens: number; atMs: number }) | null = null;

  private constructor(server: Server, upstream: string) {
    this.#server = server;
    this.#upstream = new URL(upstream);
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Starts one that passes everything on. */
  static async start(upstream: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new FaultProxy(server, upstream);
    server.on('request', (request, response) => void proxy.#serve(request, response));
    return proxy;
  }

  /** The next requests of the rule meet the fault; faults planted first are met first. */
  plant(fault: Fault, { operation, when = () => true, times = 1 }: FaultRule = {}): void {
    this.#planted.push({ fault, operation, when, left: times });
  }

  /** Takes every fault away that nobody has met. */
  heal(): void {
    this.#planted.length = 0;
    this.#bucket = null;
  }

  /** From now on this operation is throttled by a bucket. */
  throttle(bucket: Bucket): void {
    this.#bucket = { ...bucket, tokens: bucket.burst, atMs: performance.now() };
  }

  /** How often this operation came. */
  count(operation: string): number {
    return this.requests.filter((each) => each.operation === operation).length;
  }

  /** Holds the next request of the rule. *Returns* what waits for it to come, and lets it go on to the server. */
  hold(rule: Pick<FaultRule, 'operation' | 'when'>): {
    readonly held: Promise<void>;
    readonly landed: Promise<void>;
    readonly release: () => void;
  } {
    let release = (): void => {};
    let onHeld = (): void => {};
    let onLanded = (): void => {};
    const until = new Promise<void>((resolve) => (release = resolve));
    const held = new Promise<void>((resolve) => (onHeld = resolve));
    const landed = new Promise<void>((resolve) => (onLanded = resolve));
    this.plant({ kind: 'hold', until, onHeld: () => onHeld(), onLanded: () => onLanded() }, rule);
    return { held, landed, release: () => release() };
  }

  /** Resets what is open and frees the port. *Repeat*: harmless. */
  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const body = await bodyOf(incoming);
    if (body === undefined) return;
    const request = readRequest(incoming, body);
    this.requests.push(request);
    const kind = `${request.operation} ${String(request.input['Name'])}`;
    const fault = this.#faultFor(request) ?? this.#throttled(request);
    switch (fault?.kind) {
      case 'refuse':
        return this.#answer(response, errorAnswer(fault));
      case 'reset':
        return reset(incoming);
      case 'stale': {
        const last = this.#last.get(kind);
        if (last !== undefined) return this.#answer(response, last);
        break;
      }
      case 'first':
        await fault.does(request);
        break;
      case 'hold':
        fault.onHeld?.();
        await fault.until;
        break;
      default:
    }
    const given = await this.#forward(incoming, body);
    if (fault?.kind === 'hold') fault.onLanded?.();
    if (given === undefined || fault?.kind === 'lose-answer') return reset(incoming);
    this.#last.set(kind, given);
    this.#answer(response, fault?.kind === 'change' ? changed(given, fault.answer) : given);
  }

  #answer(response: ServerResponse, { status, body }: ProxiedAnswer): void {
    const date = new Date(Date.now() + this.aheadMs).toUTCString();
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', date }).end(body);
  }

  #faultFor(request: ProxiedRequest): Fault | undefined {
    const planted = this.#planted.find(
      ({ operation, when, left }) =>
        left > 0 && (operation === undefined || operation === request.operation) && when(request),
    );
    if (planted === undefined) return undefined;
    planted.left -= 1;
    return planted.fault;
  }

  #throttled({ operation }: ProxiedRequest): Fault | undefined {
    const bucket = this.#bucket;
    if (bucket?.operation !== operation) return undefined;
    const nowMs = performance.now();
    bucket.tokens = Math.min(bucket.burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * bucket.perSecond);
    bucket.atMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return undefined;
    }
    this.throttled += 1;
    return throttling;
  }

  async #forward(incoming: IncomingMessage, body: Buffer): Promise<ProxiedAnswer | undefined> {
    return new Promise((resolve) => {
      const onward = send(
        {
          host: this.#upstream.hostname,
          port: this.#upstream.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
          agent: this.#agent,
        },
        (given) =>
          void bodyOf(given).then((read) =>
            resolve(read === undefined ? undefined : { status: given.statusCode ?? 502, body: read }),
          ),
      );
      onward.on('error', () => resolve(undefined));
      onward.end(body);
    });
  }
}

/** As AWS answers over the rate. */
export const throttling: Fault = { kind: 'refuse', error: 'ThrottlingException', message: 'Rate exceeded' };

/** As AWS answers who has no right to this. */
export function denied(action: string): Fault {
  const message = `User: arn:aws:sts::123456789012:assumed-role/keyturn/worker is not authorized to perform: ${action} on resource: arn:aws:ssm:eu-central-1:123456789012:parameter/billing because no identity-based policy allows the ${action} action`;
  return { kind: 'refuse', error: 'AccessDeniedException', message };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function readRequest({ headers }: IncomingMessage, body: Buffer): ProxiedRequest {
  const target = headers['x-amz-target'];
  const { Value, ...input } = JSON.parse(body.toString()) as Record<string, unknown>;
  void Value;
  return {
    operation: String(target).replace('AmazonSSM.', ''),
    input,
    invocation: String(headers['amz-sdk-invocation-id']),
    headers,
  };
}

function errorAnswer({
  error,
  message = '',
  status = 400,
}: Extract<Fault, { readonly kind: 'refuse' }>): ProxiedAnswer {
  return { status, body: Buffer.from(JSON.stringify({ __type: error, message })) };
}

function changed(
  { status, body }: ProxiedAnswer,
  change: (body: Record<string, unknown>) => Record<string, unknown>,
): ProxiedAnswer {
  return { status, body: Buffer.from(JSON.stringify(change(JSON.parse(body.toString()) as Record<string, unknown>))) };
}

function reset(incoming: IncomingMessage): void {
  incoming.socket.resetAndDestroy();
}
