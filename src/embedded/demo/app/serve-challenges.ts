import { type IncomingMessage, type Server, createServer } from 'node:http';
import { answerChallenge } from '../../../consumer/index.js';
import type { AppOrder } from './app-protocol.js';
import type { SampleApp } from './sample-app.js';

/** Challenges are small; what is larger is none. */
const maxBytes = 65_536;

/** Answers Keyturn on a free port of the loopback, as `docs/consumers.md` shows it. *Returns* the server and its port. */
export async function serveChallenges(
  app: SampleApp,
  { consumer, consumerKey, environment }: AppOrder,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((request, response) => {
    const answering = async (): Promise<void> => {
      const body = await bodyOf(request);
      if (body === null) {
        response.writeHead(413).end();
        return;
      }
      const answer = await answerChallenge({
        body,
        headers: request.headers,
        key: consumerKey,
        instance: `${consumer}-${process.pid}`,
        environment,
        held: (challenge) => app.held(challenge),
      });
      response.writeHead(answer.status, answer.headers).end(answer.body);
      if (answer.status !== 204) return;
      // A webhook: something has happened to a secret of ours.
      app.noteWebhook();
      await app.follow();
    };
    answering().catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

/** *Returns* null where it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  // An HTTP request gives buffers unless an encoding is set.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
