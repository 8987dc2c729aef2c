import { type Credential, type EndpointAnswer, isKeyturnError } from 'keyturn/rotator';
import type { Call } from './call.js';
import { type ApiKeyConfig, endpointOf } from './config.js';
import type { Provider } from './provider.js';

/** Tries a key at the provider, by itself. Never throws: what is not yes or no is unknown. */
export async function tryKey(
  provider: Provider,
  config: ApiKeyConfig,
  { credential, call }: { readonly credential: Credential; readonly call: Call },
): Promise<readonly EndpointAnswer[]> {
  const endpoint = endpointOf(config);
  try {
    const found = await provider.trial({ ...credential }, call);
    if (typeof found === 'string') return [{ endpoint, answer: found }];
    return [{ endpoint, answer: 'unknown', reason: found.unknown }];
  } catch (error) {
    const reason = isKeyturnError(error) ? error.code : 'the key could not be sent';
    return [{ endpoint, answer: 'unknown', reason }];
  }
}
