import { randomBytes, randomUUID } from 'node:crypto';
import { createCachedReader, createConsumer, fetchHandler, followCredential } from 'keyturn/consumer';
import { Webhook } from 'standardwebhooks';

// What a signed challenge costs an application that answers it by a proof: the signature, the question to the store, which is
// a function here, and the proof. Run: npm run bench:consumer

const count = 5_000;
const goalMs = 1;

const key = `whsec_${randomBytes(32).toString('base64')}`;
const value = JSON.stringify({ username: 'billing_a', password: randomBytes(24).toString('base64url') });
const reader = createCachedReader({ read: async () => ({ value, version: 7 }) });
const credential = followCredential({ reader, name: '/prod/billing/db:current' });
const consumer = createConsumer({
  key,
  instance: 'bench',
  environment: 'prod',
  secrets: { '/prod/billing/db': { credential } },
});
const handle = fetchHandler(consumer);
const signer = new Webhook(key);

function challenge(): Request {
  const id = `challenge_${randomUUID()}`;
  const at = new Date();
  const data = { environment: 'prod', secret: 'prod:/prod/billing/db', rotation: 'r1', version: 7, phase: 'drain' };
  const body = JSON.stringify({
    type: 'rotation.promoted',
    timestamp: at.toISOString(),
    data: { ...data, nonce: randomBytes(24).toString('base64url') },
  });
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': `${Math.floor(at.getTime() / 1000)}`,
    'webhook-signature': signer.sign(id, at, body),
  };
  return new Request('http://application.example/keyturn', { method: 'POST', headers, body });
}

/** Milliseconds that each answer took. */
async function answered(requests: readonly Request[]): Promise<readonly number[]> {
  const took: number[] = [];
  for (const request of requests) {
    const startedMs = performance.now();
    const answer = await handle(request);
    took.push(performance.now() - startedMs);
    if (!(await answer.text()).includes('"proof"')) throw new Error(`it was answered ${answer.status} without a proof`);
  }
  return took.sort((a, b) => a - b);
}

await answered(Array.from({ length: count / 10 }, challenge));
const took = await answered(Array.from({ length: count }, challenge));
const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN;
const isMet = at(0.5) < goalMs;
process.stdout.write(
  `${count} challenges proved: ${at(0.5).toFixed(2)} ms (median), ${at(0.99).toFixed(2)} ms (p99); goal ${goalMs} ms: ${isMet ? 'met' : 'not met'}\n`,
);
credential.close();
reader.close();
