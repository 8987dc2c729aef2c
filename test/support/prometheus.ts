import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that answers instant queries as Prometheus does, with what a test says. */
export interface PrometheusDouble {
  readonly url: string;
  /** What the next look finds. Null: the server answers 503, as one that is starting does. */
  value: (asked: number) => number | null;
  /** The queries so far, each with the credential it came with. */
  readonly asked: readonly { readonly query: string; readonly authorization: string | undefined }[];
}

/** Starts it on loopback; it is closed when the test has finished. */
export async function startPrometheus(value: PrometheusDouble['value']): Promise<PrometheusDouble> {
  const asked: { readonly query: string; readonly authorization: string | undefined }[] = [];
  const server = createServer(({ url = '', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    if (pathname !== '/api/v1/query') return response.writeHead(404).end();
    asked.push({ query: searchParams.get('query') ?? '', authorization: headers.authorization });
    const found = double.value(asked.length);
    if (found === null) return response.writeHead(503).end('Service Unavailable');
    const sample = { metric: { job: 'billing' }, value: [Date.now() / 1000, String(found)] };
    const body = { status: 'success', data: { resultType: 'vector', result: [sample] } };
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const double: PrometheusDouble = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, value, asked };
  return double;
}
