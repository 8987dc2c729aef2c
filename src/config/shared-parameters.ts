import { type EnvironmentConfig, type SsmStoreConfig, parameterNames, ssmService } from './config.js';

/** A secret whose parameter another secret has already. */
export interface SharedParameter {
  readonly environment: string;
  readonly path: string;
  readonly name: string;
  /** The other one. */
  readonly holder: { readonly id: string; readonly environment: string };
}

/**
 * Secrets that would be one parameter of SSM: each would take the other's versions for
 * somebody else's. Where an account is not named, it may be the one that another environment names.
 */
export function sharedParameters(environments: readonly EnvironmentConfig[]): readonly SharedParameter[] {
  const held: (Pick<SharedParameter, 'name' | 'holder'> & { readonly store: SsmStoreConfig })[] = [];
  const shared: SharedParameter[] = [];
  for (const { name: environment, store, secrets } of environments) {
    if (store.kind === 'built-in') continue;
    for (const { path, id } of Object.values(secrets)) {
      const names = parameterNames(store, path);
      const other = held.find((each) => names.includes(each.name) && maySame(each.store, store));
      if (other === undefined) held.push(...names.map((name) => ({ store, name, holder: { id, environment } })));
      else shared.push({ environment, path, name: other.name, holder: other.holder });
    }
  }
  return shared;
}

function maySame(one: SsmStoreConfig, other: SsmStoreConfig): boolean {
  const isOneAccount = one.account === null || other.account === null || one.account === other.account;
  return isOneAccount && one.region === other.region && ssmService(one) === ssmService(other);
}
