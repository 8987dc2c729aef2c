import { Webhook } from 'standardwebhooks';

/** What signs a body as Standard Webhooks says. With each of the keys: Keyturn may have only one of them. */
export function signedHeaders(id: string, body: string, key: string | readonly string[]): Record<string, string> {
  const at = new Date();
  const keys = typeof key === 'string' ? [key] : key;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': keys.map((each) => new Webhook(each).sign(id, at, body)).join(' '),
  };
}
