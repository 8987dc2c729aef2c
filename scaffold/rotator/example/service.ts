import { createHash, randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A key as the service keeps it. */
interface Key {
  /** Whose it is; null: somebody who uses no tags made it. */
  secret: string | null;
  rotation: string | null;
  digest: string;
  isOn: boolean;
}

/** The service, running. */
export interface Service {
  /** Its address: below `/lossy` the answers to changes are lost, below `/silent` there are none. */
  readonly baseUrl: string;
  readonly keys: Map<string, Key>;
  /** How many answers were lost. */
  readonly lost: () => number;
  /** Shorter values are refused. */
  minValueLength: number;
  /** More keys than this are refused. */
  maxKeys: number;
  readonly stop: () => Promise<void>;
}

/** All that the service keeps of a value. */
export const digestOf = (value: string): string => createHash('sha256').update(value).digest('hex');

/** Starts it on a free port of the loopback, with this token for whoever administers it. */
export async function startService(adminToken: string): Promise<Service> {
  const keys = new Map<string, Key>();
  const system = randomUUID();
  let lost = 0;
  const limits = { minValueLength: 1, maxKeys: Number.POSITIVE_INFINITY };

  const answerTo = async (
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
  ): Promise<[number, unknown?]> => {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    if (path === '/me') {
      const [id = '', value = ''] = token.split(':');
      const key = keys.get(id);
      return [key?.isOn === true && key.digest === digestOf(value) ? 200 : 401];
    }
    if (token !== adminToken) return [401];
    if (path === '/system') return [200, { system }];
    if (path === '/keys') {
      const ours = [...keys].filter(([, { secret }]) => secret === query.get('secret'));
      return [200, ours.map(([id, { secret, rotation }]) => ({ id, secret, rotation }))];
    }
    const id = decodeURIComponent(path.replace('/keys/', ''));
    const key = keys.get(id);
    if (request.method === 'PUT') return [put(id, key, (await bodyOf(request)) as PutBody)];
    if (key === undefined) return [404];
    // Compared in the same request as the change: nobody can slip in between. What carries no tag was made by hand.
    if (key.secret !== null && key.secret !== query.get('secret')) return [412];
    if (query.has('rotation') && (key.rotation ?? '') !== query.get('rotation')) return [412];
    if (request.method === 'DELETE') keys.delete(id);
    else key.isOn = ((await bodyOf(request)) as { readonly state: string }).state === 'on';
    return [204];
  };

  const put = (id: string, key: Key | undefined, { value, secret, rotation }: PutBody): number => {
    if (key !== undefined && (key.secret !== secret || key.rotation !== rotation)) return 409;
    if (value.length < limits.minValueLength) return 422;
    if (key === undefined && keys.size >= limits.maxKeys) return 429;
    keys.set(id, { secret, rotation, digest: digestOf(value), isOn: true });
    return 204;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://service');
    const [, mood, path = ''] = /^(\/lossy|\/silent)?(\/.*)$/.exec(pathname) ?? [];
    if (mood === '/silent') return;
    const [status, body] = await answerTo(request, path, searchParams);
    if (mood === '/lossy' && request.method !== 'GET') {
      lost += 1;
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return Object.assign(limits, {
    baseUrl: `http://127.0.0.1:${port}`,
    keys,
    lost: () => lost,
    stop: async () => stop(server),
  });
}

interface PutBody {
  readonly value: string;
  readonly secret: string;
  readonly rotation: string;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
