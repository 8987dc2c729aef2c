import type { Connection } from 'keyturn/rotator';
import { Call } from './call.js';
import type { ApiKeyConfig } from './config.js';
import { create, propose } from './creation.js';
import { Keys } from './keys.js';
import { identityOf } from './listing.js';
import { preflight } from './preflight.js';
import { Provider } from './provider.js';
import { tryKey } from './trial.js';

/** See {@link Connection}. */
export function connect(config: ApiKeyConfig): Connection {
  const provider = new Provider(config);
  const keys = new Keys(config, provider);
  return {
    preflight: async (current, ctx) => preflight(keys, current, new Call('preflight', ctx)),
    identify: async (ctx) => ({ system: await systemOf(config, provider, new Call('identify', ctx)) }),
    propose: async (current, ctx) => propose(keys, current, new Call('propose', ctx)),
    create: async (proposal, ctx) => create(keys, proposal, new Call('create', ctx)),
    probe: async (credential, ctx) => tryKey(provider, config, { credential, call: new Call('probe', ctx) }),
    verify: async (credential, ctx) => tryKey(provider, config, { credential, call: new Call('verify', ctx) }),
    usage: async () => ({ kind: 'unknown', reason: 'a definition has no request that asks for sessions' }),
    raise: async () => {},
    disable: async (identity, ctx) => {
      await keys.switchTo('disable', identity, new Call('disable', ctx));
      return { endedSessions: 0 };
    },
    enable: async (identity, ctx) => keys.switchTo('enable', identity, new Call('enable', ctx)),
    destroy: async (identity, { createdBy }, ctx) => keys.destroy(identity, createdBy, new Call('destroy', ctx)),
    list: async (ctx) => keys.tagged(new Call('list', ctx)),
    close: async () => provider.close(),
  };
}

/** The provider's own identifier where the definition knows one, else the origin of its address. */
async function systemOf(config: ApiKeyConfig, provider: Provider, call: Call): Promise<string> {
  const { system } = config.requests;
  if (system === undefined) return new URL(config.baseUrl).origin;
  const answer = await provider.ask('system', system, { filling: {}, call });
  const found = answer.kind === 'ok' ? identityOf(answer.at(system.pointer)) : undefined;
  if (found !== undefined) return found;
  throw provider.unreadable('system', `what is at ${system.pointer} of its answer is no identifier`, 'none');
}
