import type { Config, SecretConfig } from '../config/config.js';
import { importOf } from '../config/own-doors.js';
import { referenceResolver, resolveReferences, storedIn } from '../config/references.js';
import { asReferred } from '../config/stored.js';
import { type Credential, parseCredential } from '../core/credential.js';
import { keyturnError } from '../core/errors.js';
import { type Targets, type TargetsOptions, openTargets } from '../engine/targets.js';
import type { Variables } from './settings.js';
import { type Stores, lookingScope } from './stores.js';

/** How long the look at another secret may take. Milliseconds. */
const lookMaxMs = 10_000;

/** The rotators of a configuration, behind one port. */
export function targetsOf({ variables, config, stores, ...given }: ConfiguredTargets): Targets {
  const environments = Object.values(config.environments);
  const rotators = environments.flatMap(({ targets }) => Object.values(targets).map(({ rotator }) => rotator));
  const outside = referenceResolver({ variables, folder: config.folder });
  return openTargets({
    ...given,
    rotators,
    importOf,
    resolve: async (plan, own) => {
      let admin: string | null = null;
      const settings = await resolveReferences(plan.config, async (reference) => {
        const stored = storedIn(reference);
        if (stored === undefined) return outside(reference);
        const secret = config.environments[plan.environment]?.secrets[stored.path];
        const isOwn = stored.path === plan.path;
        const credential =
          secret === undefined ? undefined : isOwn && own !== undefined ? own : await currentOf(config, secret, stores);
        if (secret === undefined || credential === undefined) throw keyturnError('REFERENCE_UNRESOLVED', { reference });
        if (isOwn) admin = credential.identity;
        return asReferred(credential, secret.rotator.credential, stored.field);
      });
      return { settings, admin };
    },
  });
}

/** See {@link targetsOf}. */
export interface ConfiguredTargets extends Pick<TargetsOptions, 'log' | 'report' | 'scrubber'> {
  readonly variables: Variables;
  readonly config: Config;
  /** Where the secrets are that settings refer to. */
  readonly stores: Stores;
}

/** What `current` of a secret is on; undefined: it is on nothing. */
async function currentOf(config: Config, secret: SecretConfig, { port }: Stores): Promise<Credential | undefined> {
  const stored = await port.read(lookingScope(config, secret, lookMaxMs), 'current');
  return stored === null ? undefined : parseCredential(stored.value, secret.rotator.credential, secret.path);
}
