import type { Serve, Serving } from '../cli/doors.js';
import { serveAcks } from './acks-server.js';
import { type Served, type StartedServer, serveStore } from './store-server.js';

/** Serves what is asked for, all or nothing. */
export async function startServing(served: Served, { store, acksPort }: Serve): Promise<Serving> {
  const storing = store === null ? null : await serveStore(served, store);
  const acking = acksPort === null ? null : await after(storing, () => serveAcks(served, acksPort));
  return {
    storeUrl: storing?.url ?? null,
    acksUrl: acking?.url ?? null,
    stop: async () => {
      await acking?.stop();
      await storing?.stop();
    },
  };
}

/** Where the second cannot be served the first is not left behind. */
async function after(first: StartedServer | null, start: () => Promise<StartedServer>): Promise<StartedServer> {
  try {
    return await start();
  } catch (error) {
    await first?.stop();
    throw error;
  }
}
