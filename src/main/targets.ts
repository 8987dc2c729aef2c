import type { Config } from '../config/config.js';
import { importOf } from '../config/own-doors.js';
import { referenceResolver, resolveReferences } from '../config/references.js';
import { type Targets, type TargetsOptions, openTargets } from '../engine/targets.js';
import type { Variables } from './settings.js';

/** The rotators of a configuration, behind one port. */
export function targetsOf({ variables, config, ...given }: ConfiguredTargets): Targets {
  const environments = Object.values(config.environments);
  const rotators = environments.flatMap(({ targets }) => Object.values(targets).map(({ rotator }) => rotator));
  const resolver = referenceResolver({ variables, folder: config.folder });
  return openTargets({ ...given, rotators, importOf, resolve: (settings) => resolveReferences(settings, resolver) });
}

/** See {@link targetsOf}. */
export interface ConfiguredTargets extends Pick<TargetsOptions, 'log' | 'report' | 'scrubber'> {
  readonly variables: Variables;
  readonly config: Config;
}
