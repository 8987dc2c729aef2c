import { lstat, unlink } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { once } from 'node:events';
import { type AnsweredParameters, answerParameters } from './parameter-answers.js';
import { claimPath, isAnswered, maxSocketPathBytes } from './path-claim.js';
import { AgentSettingError, codeOf } from './setting-error.js';

/** Where it listens, and who may open it. */
export interface UnixSocketOptions extends AnsweredParameters {
  readonly path: string;
  /** `0o600`: the user of the agent alone. */
  readonly mode: number;
}

/** A socket that answers. */
export interface UnixSocket {
  /** Answers what is in work, and takes the socket away. *Repeat*: harmless. */
  close(): Promise<void>;
}

/** Ten names of 2,048 characters each, and room. Bytes. */
const maxBodyBytes = 65_536;

/**
 * Serves parameters on a Unix socket, in HTTP, as SSM does.
 *
 * *Errors* `AgentSettingError` where somebody listens there already, or something else is there. What an agent that was
 * killed has left behind is replaced.
 */
export async function listenOnSocket({ path, mode, ...parameters }: UnixSocketOptions): Promise<UnixSocket> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw unusable(
      `a socket's path has at most ${maxSocketPathBytes} bytes`,
      'Name a shorter one, or a path from here.',
    );
  }
  const claim = await claimPath(path, '--listen');
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const end = (status: number): void => void response.writeHead(status, { connection: 'close' }).end();
    if (request.method !== 'POST' || request.url !== '/') return end(404);
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) chunks.push(chunk);
    });
    request.on('end', () => {
      if (bytes > maxBodyBytes) return end(413);
      const target = request.headers['x-amz-target'];
      const asked = { target: typeof target === 'string' ? target : undefined, body: Buffer.concat(chunks).toString() };
      void answerParameters(parameters, asked).then(({ status, error, body }) => {
        const type = { 'content-type': 'application/x-amz-json-1.1', 'cache-control': 'no-store' };
        const named = error === undefined ? {} : { 'x-amzn-errortype': error };
        response.writeHead(status, { ...type, ...named }).end(JSON.stringify(body));
      });
    });
  });
  try {
    await clearStale(path);
    await listen(server, path, mode);
  } catch (error) {
    await claim.release();
    throw error;
  }
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), 2_000);
      await closed;
      clearTimeout(late);
      // Until the path is gone: closing removes whatever is there by then.
      await claim.release();
    },
  };
}

/**
 * The mode must be there from the first moment on: between `listen` and a `chmod` anybody could connect. The address is
 * bound before `listen` returns, and nothing of ours makes a file in between.
 */
async function listen(server: Server, path: string, mode: number): Promise<void> {
  const before = process.umask(0o777 & ~mode);
  try {
    // A thousand processes may start at once: beyond the backlog a connection to a Unix socket is refused, not queued.
    server.listen({ path, backlog: 4_096 });
  } finally {
    process.umask(before);
  }
  try {
    await once(server, 'listening');
  } catch (error) {
    throw unusable(
      `${path} cannot be listened on (${codeOf(error)})`,
      'Name one in a folder that this user may write to.',
    );
  }
}

/** Of what another agent has left: the path is claimed. */
async function clearStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw unusable(`${path} is there and is no socket`, 'Name one that is not there.');
  if (await isAnswered(path)) throw unusable(`somebody listens on ${path}`, 'Stop that, or name another one.');
  await unlink(path).catch(() => undefined);
}

const unusable = (finding: string, cure: string): Error => new AgentSettingError('--listen', finding, cure);
