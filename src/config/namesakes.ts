import type { Rotator } from '../contract/rotator.js';
import type { EnvironmentConfig } from './config.js';

/** A target whose rotator has the name of another one. */
export interface Namesake {
  readonly environment: string;
  readonly target: string;
  readonly rotator: string;
  /** `environment.target` where the other one is. */
  readonly holder: string;
}

/**
 * Targets with different rotators of one name, of which at least one is isolated. An open rotation finds its rotator by
 * name: a package that calls itself `postgres` would be handed what is meant for `postgres`, the admin's credential included.
 */
export function namesakes(
  environments: readonly EnvironmentConfig[],
  isolated: ReadonlySet<Rotator>,
): readonly Namesake[] {
  const holders = new Map<string, { readonly rotator: Rotator; readonly at: string }>();
  const found: Namesake[] = [];
  for (const { name: environment, targets } of environments) {
    for (const { name: target, rotator } of Object.values(targets)) {
      const holder = holders.get(rotator.name);
      if (holder === undefined) {
        holders.set(rotator.name, { rotator, at: `${environment}.${target}` });
      } else if (holder.rotator !== rotator && (isolated.has(rotator) || isolated.has(holder.rotator))) {
        found.push({ environment, target, rotator: rotator.name, holder: holder.at });
      }
    }
  }
  return found;
}
