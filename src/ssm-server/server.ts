import { randomUUID } from 'node:crypto';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { keyturnError } from '../core/errors.js';
import type { Parameters, StoreAccess } from '../ports/parameters.js';
import { AccessRecord } from './access-record.js';
import { Call, type Operation, type Touched } from './call.js';
import { Callers } from './caller.js';
import { GatheredReads } from './gathered-reads.js';
import {
  addTagsToResource,
  deleteParameter,
  deleteParameters,
  listTagsForResource,
  removeTagsFromResource,
} from './operations/keeping.js';
import { labelParameterVersion, putParameter, unlabelParameterVersion } from './operations/putting.js';
import {
  describeParameters,
  getParameter,
  getParameterHistory,
  getParameters,
  getParametersByPath,
} from './operations/reading.js';
import { told, toldOfCall } from './told.js';
import { WireError } from './wire-error.js';

/** What the store is served with. */
export interface StoreServerOptions {
  readonly parameters: Parameters;
  readonly access: StoreAccess;
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM of certificate and key; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Told of an error of ours: its code, never what was asked. */
  readonly onError: (code: string) => void;
  /** Never goes back. Milliseconds. Default: of this process. */
  readonly monotonicMs?: () => number;
  /** How long it waits for requests in work once it closes. Milliseconds. Default: 10,000. */
  readonly patienceMs?: number;
}

/** A server that accepts connections. */
export interface StoreServer {
  /** `http://127.0.0.1:4583`. */
  readonly url: string;
  /**
   * Accepts nothing more and resolves when requests in work are answered. What has not come to its end after a while is cut
   * off: a caller who sends half a request must not keep a server from stopping. *Repeat*: harmless.
   */
  readonly close: () => Promise<void>;
}

/** `X-Amz-Target: AmazonSSM.GetParameter`. */
const operations: Readonly<Record<string, Operation>> = {
  PutParameter: putParameter,
  GetParameter: getParameter,
  GetParameters: getParameters,
  GetParametersByPath: getParametersByPath,
  GetParameterHistory: getParameterHistory,
  DescribeParameters: describeParameters,
  DeleteParameter: deleteParameter,
  DeleteParameters: deleteParameters,
  LabelParameterVersion: labelParameterVersion,
  UnlabelParameterVersion: unlabelParameterVersion,
  AddTagsToResource: addTagsToResource,
  RemoveTagsFromResource: removeTagsFromResource,
  ListTagsForResource: listTagsForResource,
};

/** The largest put, every character of it escaped, with its tags and policies. Bytes. */
const bodyLimit = 262_144;

/**
 * Serves the built-in store by the wire protocol of AWS Systems Manager Parameter Store: JSON 1.1 over HTTP, every request
 * signed (Signature Version 4), every access written down before it is answered.
 *
 * *Errors* `ADDRESS_IN_USE`, `SETTING_INVALID` where it cannot listen.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/Welcome.html
 */
export async function startStoreServer(options: StoreServerOptions): Promise<StoreServer> {
  const { address, port, tls, patienceMs = 10_000 } = options;
  // Its type says for which kind of server it is; what is used of it is the same.
  const server = fastify({
    logger: false,
    bodyLimit,
    requestTimeout: 10_000,
    frameworkErrors: (_error, _request, reply) =>
      void answerError(
        reply as unknown as FastifyReply,
        new WireError('ValidationException', 'The request cannot be read.'),
      ),
    ...(tls === null ? {} : { https: tls }),
  }) as unknown as FastifyInstance;
  routes(server, options);
  try {
    const url = await server.listen({ host: address, port });
    return { url, close: () => closeInTime(server, patienceMs) };
  } catch (error) {
    await server.close();
    throw unlistened(error, `${address}:${port}`);
  }
}

/** Once a server closes, Node looks no more at how long requests take to come. */
async function closeInTime(server: FastifyInstance, patienceMs: number): Promise<void> {
  const late = setTimeout(() => server.server.closeAllConnections(), patienceMs);
  try {
    await server.close();
  } finally {
    clearTimeout(late);
  }
}

function routes(server: FastifyInstance, options: StoreServerOptions): void {
  const { access, onError, monotonicMs = () => performance.now() } = options;
  const gathered = new GatheredReads(options.parameters);
  const service = {
    parameters: { ...options.parameters, read: gathered.read.bind(gathered) },
    callers: new Callers(access, monotonicMs),
    record: new AccessRecord(access),
    sources: new WeakMap<FastifyRequest, string>(),
    onError,
  };
  let isClosing = false;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.addHook('onRequest', (request, reply, done) => {
    service.sources.set(request, request.socket.remoteAddress ?? gone);
    reply.header('x-amzn-requestid', randomUUID()).header('cache-control', 'no-store');
    done();
  });
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  // A connection that is kept for the next request would keep the server as well.
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing) reply.header('connection', 'close');
    done();
  });
  server.post('/', async (request, reply) => {
    try {
      const answer = await serve(service, request);
      return await reply.code(200).type('application/x-amz-json-1.1').send(JSON.stringify(answer));
    } catch (error) {
      return await answerError(reply, told(error, onError));
    }
  });
  // What goes wrong before a route is found or a body is read.
  server.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const isLarge = error.statusCode === 413;
    const known = (error.statusCode ?? 500) < 500;
    if (!known) onError('internal');
    if (isLarge)
      return answerError(reply, new WireError('RequestEntityTooLargeException', 'The request is too large.', 413));
    return answerError(
      reply,
      known
        ? new WireError('ValidationException', 'The request cannot be read.')
        : new WireError('InternalServerError', '', 500),
    );
  });
  server.setNotFoundHandler(async (_request, reply) => answerError(reply, unknownOperation()));
}

interface Service {
  readonly parameters: Parameters;
  readonly callers: Callers;
  readonly record: AccessRecord;
  /** Where each request came from, as its connection said at once: a caller who has hung up has no address any more. */
  readonly sources: WeakMap<FastifyRequest, string>;
  readonly onError: (code: string) => void;
}

/** The source of who had hung up before anything of the request was read. */
const gone = 'gone';

async function serve(
  { parameters, callers, record, sources, onError }: Service,
  request: FastifyRequest,
): Promise<object> {
  const { headers } = request;
  const [service, action = ''] = String(headers['x-amz-target'] ?? '').split('.');
  const operation = service === 'AmazonSSM' && Object.hasOwn(operations, action) ? operations[action] : undefined;
  if (operation === undefined) throw unknownOperation();
  if (request.url !== '/') throw unknownOperation();
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const caller = await callers.identify({ headers, body });
  const call = new Call(caller, action, sources.get(request) ?? gone, parameters);
  try {
    const answer = await operation.run(call, parse(body));
    if (!call.isRecorded) await record.note(notes(call, 'done'));
    return answer;
  } catch (error) {
    const answer = toldOfCall(error, onError);
    await record.note(notes(call, answer.type));
    throw answer;
  }
}

/** One for each parameter that was given away or refused; one without where the request never came to name any. */
function notes({ caller, touched, writer, environment }: Call, outcome: string) {
  const asked: readonly Partial<Touched>[] = touched.length === 0 ? [{}] : touched;
  return asked.map((each) => ({
    environment,
    ...writer,
    principal: caller.key.principal,
    path: each.path ?? null,
    version: each.version ?? null,
    outcome: each.outcome ?? outcome,
  }));
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    throw new WireError('SerializationException', 'The request body is not JSON.');
  }
}

const unknownOperation = (): WireError => new WireError('UnknownOperationException', '', 404);

function answerError(reply: FastifyReply, { type, message, status }: WireError): FastifyReply {
  return reply
    .code(status)
    .type('application/x-amz-json-1.1')
    .header('x-amzn-errortype', type)
    .send(JSON.stringify({ __type: type, message }));
}

function unlistened(error: unknown, where: string): Error {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return keyturnError('ADDRESS_IN_USE', { address: where });
  return keyturnError('SETTING_INVALID', {
    setting: 'the address of the store',
    finding: `${where} cannot be listened on (${typeof code === 'string' ? code : 'unknown'})`,
    cure: 'Name an address of this machine and a port that this user may open.',
  });
}
