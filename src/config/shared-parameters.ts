import type { EnvironmentConfig, SsmStoreConfig } from './config.js';

/** A secret whose parameter another secret has already. */
export interface SharedParameter {
  readonly environment: string;
  readonly path: string;
  readonly name: string;
  /** `environment:/path` of the other one. */
  readonly holder: string;
}

/**
 * Secrets of different environments that would be one parameter of SSM: each would take the other's versions for
 * somebody else's. Where an account is not named, it may be the one that another environment names.
 */
export function sharedParameters(environments: readonly EnvironmentConfig[]): readonly SharedParameter[] {
  const held: { readonly store: SsmStoreConfig; readonly name: string; readonly holder: string }[] = [];
  const shared: SharedParameter[] = [];
  for (const { name: environment, store, secrets } of environments) {
    if (store.kind === 'built-in') continue;
    for (const { path, id } of Object.values(secrets)) {
      const name = `${store.prefix}${path}`;
      const other = held.find((each) => each.name === name && maySame(each.store, store));
      if (other === undefined) held.push({ store, name, holder: id });
      else shared.push({ environment, path, name, holder: other.holder });
    }
  }
  return shared;
}

function maySame(one: SsmStoreConfig, other: SsmStoreConfig): boolean {
  const isOneAccount = one.account === null || other.account === null || one.account === other.account;
  return isOneAccount && one.region === other.region && one.endpoint === other.endpoint;
}
