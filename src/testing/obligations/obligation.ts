import type { Capabilities, Connection, Rotator } from '../../contract/rotator.js';
import type { Play, RotatorStage } from '../rotator-harness.js';

/** What a rotator must say of itself for an obligation to bind it. */
export interface Condition {
  /** As its author would write it: `fence: true`. */
  readonly says: string;
  readonly holds: (capabilities: Capabilities) => boolean;
}

/** What of a stage an obligation cannot do without, by its name. */
export type Need = 'accepts' | 'hung' | 'plantAdopted' | 'refusals.policy' | 'refusals.authority' | 'refusals.quota';

/** One thing that every rotator owes the engine, where its conditions hold. */
export interface Obligation {
  /** States a fact, for the name of a test. */
  readonly name: string;
  /** The member of the contract that promises it. */
  readonly member: keyof Connection | keyof Rotator;
  /** The heading that explains it in `docs/writing-a-rotator.md`. */
  readonly heading: Heading;
  /** Absent: it binds every rotator. */
  readonly where?: readonly Condition[];
  /** Absent: every stage will do. */
  readonly needs?: Need;
  readonly act: (on: Play<unknown>) => Promise<void>;
}

/** The headings that obligations point at; a test compares them with the page. */
export type Heading =
  | 'What you declare'
  | 'What you promise'
  | 'The context of a call'
  | 'Values'
  | 'Errors'
  | 'Mistakes of others';

/** Old and new work side by side. */
export const twoLive: Condition = { says: "overlap: 'two-live'", holds: ({ overlap }) => overlap === 'two-live' };

/** Making the new one kills the old one. */
export const oneLive: Condition = { says: "overlap: 'one-live'", holds: ({ overlap }) => overlap === 'one-live' };

/** The value is chosen by us. */
export const originOurs: Condition = { says: "origin: 'ours'", holds: ({ origin }) => origin === 'ours' };

/** The condition that a capability has this value. */
export function capable(
  name: 'fence' | 'disable' | 'usage' | 'endsSessions' | 'list' | 'refusedLogins',
  value: boolean,
): Condition {
  return { says: `${name}: ${value}`, holds: (capabilities) => (capabilities[name] ?? false) === value };
}

/**
 * True where the target keeps no tag, and whatever nobody knows on the account is taken for ours. Optional in the
 * contract: absent is false.
 */
export function isExclusive(capabilities: Capabilities): boolean {
  return 'exclusive' in capabilities && capabilities.exclusive === true;
}

/** The target keeps our tag, so that what is somebody else's can be told. */
export const tagged: Condition = { says: 'exclusive: false', holds: (capabilities) => !isExclusive(capabilities) };

/** How long after a change the target may still answer as before it. Milliseconds. Optional in the contract: absent is 0. */
export function propagationMsOf(capabilities: Capabilities): number {
  const stated = 'propagationMs' in capabilities ? capabilities.propagationMs : 0;
  return typeof stated === 'number' ? stated : 0;
}

/** What a stage lacks for an obligation, in words for its author; null: nothing. */
export function lackOf(need: Need | undefined, stage: RotatorStage<unknown>): string | null {
  return need === undefined || gives(stage, need) ? null : `the stage of the harness gives no \`${need}\``;
}

/** True where the stage can make this. */
export function gives(stage: RotatorStage<unknown>, need: Need): boolean {
  switch (need) {
    case 'accepts':
      return stage.accepts !== undefined;
    case 'hung':
      return stage.hung !== undefined;
    case 'plantAdopted':
      return stage.plantAdopted !== undefined;
    case 'refusals.policy':
      return stage.refusals?.policy !== undefined;
    case 'refusals.authority':
      return stage.refusals?.authority !== undefined;
    case 'refusals.quota':
      return stage.refusals?.quota !== undefined;
    default:
      return need satisfies never;
  }
}
