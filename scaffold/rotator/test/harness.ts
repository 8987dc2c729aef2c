import { randomBytes } from 'node:crypto';
import { Secret, openSecret } from 'keyturn/rotator';
import type { RotatorHarness } from 'keyturn/testing';
import { digestOf, startService } from '../example/service.js';
import rotator from '../src/index.js';

type Config = ReturnType<typeof rotator.config.parse>;

const config = (baseUrl: string, adminToken: string): Config => ({
  baseUrl,
  adminToken: Secret.fromText(adminToken),
  name: 'app',
});

/** Sets the example up for each case. Put your own target in its place: the real one, wherever it can be had. */
const harness: RotatorHarness<Config> = {
  rotator,
  capabilities: rotator.capabilities(config('http://127.0.0.1', 'any')),
  target: { name: 'the example service', isReal: false },
  begin: async () => {
    const adminToken = randomBytes(24).toString('base64url');
    const service = await startService(adminToken);
    const gone = await startService(adminToken);
    await gone.stop();
    const { baseUrl, keys } = service;
    return {
      config: config(baseUrl, adminToken),
      unreachable: config(gone.baseUrl, adminToken),
      hung: config(`${baseUrl}/silent`, adminToken),
      plantForeign: async (identity) => {
        keys.set(identity, { secret: null, rotation: null, digest: '', isOn: true });
      },
      plantAdopted: async () => {
        const value = randomBytes(24).toString('base64url');
        keys.set('by-hand', { secret: null, rotation: null, digest: digestOf(value), isOn: true });
        return { identity: 'by-hand', value: Secret.fromText(value) };
      },
      isThere: async (identity) => keys.has(identity),
      accepts: async ({ identity, value }) => {
        const authorization = `Bearer ${identity}:${Buffer.from(openSecret(value)).toString()}`;
        return (await fetch(`${baseUrl}/me`, { headers: { authorization } })).ok;
      },
      // Only asked of a rotator that sees usage or ends sessions.
      openSession: async () => ({ isOpen: async () => false }),
      losingAnswers: async () => ({ config: config(`${baseUrl}/lossy`, adminToken), lost: service.lost }),
      refusals: {
        policy: async () => {
          service.minValueLength = 1_000;
          return config(baseUrl, adminToken);
        },
        authority: async () => config(baseUrl, 'another token'),
        quota: async () => {
          service.maxKeys = keys.size;
          return config(baseUrl, adminToken);
        },
      },
      end: service.stop,
    };
  },
};

export default harness;
