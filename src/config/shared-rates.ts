import { type EnvironmentConfig, type SsmStoreConfig, ssmService } from './config.js';

/** Names the rate that the stores of an account and region share, at one service. */
export function rateOf(store: SsmStoreConfig): string {
  const { account, region } = store;
  return `${ssmService(store)} ${account ?? 'the account'} ${region}`;
}

/** An environment that says another rate than the one it shares has. */
export interface UnlikeRate {
  readonly environment: string;
  readonly putsPerSecond: number;
  /** Who said it first, and what. */
  readonly first: { readonly environment: string; readonly putsPerSecond: number };
}

/**
 * Environments that share a rate and say different ones: each write would be let through by the rate of whoever asks, and
 * the account's quota is one.
 */
export function unlikeRates(environments: readonly EnvironmentConfig[]): readonly UnlikeRate[] {
  const said = new Map<string, UnlikeRate['first']>();
  return environments.flatMap(({ name: environment, store }) => {
    if (store.kind === 'built-in') return [];
    const { putsPerSecond } = store;
    const first = said.get(rateOf(store));
    if (first === undefined) said.set(rateOf(store), { environment, putsPerSecond });
    return first === undefined || first.putsPerSecond === putsPerSecond ? [] : [{ environment, putsPerSecond, first }];
  });
}
