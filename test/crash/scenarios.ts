import type { FinalStatus } from '../../src/core/rotation-event.js';
import type { Kind } from './installation.js';

/** How a rotation goes where nobody is killed. Between them every effect and every compensation occurs. */
export const scenarios = ['success', 'canary refused', 'drain refused', 'turned back in watch'] as const;

/** See {@link scenarios}. */
export type Scenario = (typeof scenarios)[number];

/** How it must end, wherever its worker is killed. */
export const endOf: Readonly<Record<Scenario, FinalStatus>> = {
  success: 'completed',
  'canary refused': 'rolled_back',
  'drain refused': 'rolled_back',
  'turned back in watch': 'rolled_back',
};

/** In place there is no canary to refuse and no watch to be turned back in. */
export function scenariosOf(kind: Kind): readonly Scenario[] {
  return kind === 'in-place' ? ['success', 'drain refused'] : scenarios;
}
