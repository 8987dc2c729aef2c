import { onTestFinished } from 'vitest';
import { type ProxyMode, type TcpProxy, startTcpProxy } from './tcp-proxy.js';

/** A line to a server on this machine on which this goes wrong; gone when the running test has finished. */
export async function badLine(port: number, mode: ProxyMode): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ host: '127.0.0.1', port });
  onTestFinished(async () => proxy.stop());
  await proxy.setMode(mode);
  return proxy;
}
