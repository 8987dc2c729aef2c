import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Held, type HeldChallenge, answerChallenge } from '../../src/consumer/answer-challenge.js';
import { names } from './installation.js';

/** An application that reads every secret of an installation and answers challenges about them. */
export interface CrashConsumer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Starts it. `held` says what it holds of the version it is asked for. */
export async function startConsumer(
  key: string,
  held: (challenge: HeldChallenge) => Promise<Held>,
): Promise<CrashConsumer> {
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      const { headers } = request;
      const instance = `${names.consumer}-1`;
      const answer = await answerChallenge({ body, headers, key, instance, environment: names.environment, held });
      response.writeHead(answer.status, answer.headers).end(answer.body);
      // A worker that is killed while it asks leaves half a request.
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
