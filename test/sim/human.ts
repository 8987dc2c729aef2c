import type { Chance } from './chance.js';
import { CANARY, type Ground, type Left } from './ground.js';
import type { Profile } from './profile.js';
import type { TargetFaults } from './target-faults.js';
import type { VirtualTime } from './virtual-time.js';
import { Secret } from '../../src/core/secret.js';

/** What a person's deeds need of the world. */
export interface HumanParts {
  readonly time: VirtualTime;
  readonly profile: Profile;
  readonly chance: Chance;
  readonly note: (what: string) => void;
  /** See {@link Ground.setRight}. */
  readonly left: () => Left | null;
}

/** Something that befalls a secret from outside, and how likely it is in a seed in which its kind strikes. */
interface Deed {
  readonly kind: string;
  readonly probability: number;
  readonly befall: (ground: Ground, faults: TargetFaults, chance: Chance) => void;
}

const deeds: readonly Deed[] = [
  { kind: 'human-changes-password', probability: 0.3, befall: (ground, _, chance) => changePassword(ground, chance) },
  { kind: 'human-drops-role', probability: 0.2, befall: (ground, _, chance) => dropRole(ground, chance) },
  { kind: 'human-enables', probability: 0.3, befall: (ground) => enableByHand(ground) },
  { kind: 'human-moves-label', probability: 0.4, befall: (ground, _, chance) => moveLabel(ground, chance) },
  { kind: 'human-writes-version', probability: 0.4, befall: (ground) => void ground.writeByHand() },
  { kind: 'target-restored', probability: 0.2, befall: (ground) => ground.restoreBackup() },
  { kind: 'target-moved', probability: 0.2, befall: (ground) => ground.leadElsewhere() },
  { kind: 'target-down', probability: 0.6, befall: (_, faults) => faults.goDown() },
  { kind: 'target-blind', probability: 0.5, befall: (_, faults) => faults.goBlind() },
  { kind: 'endpoint-behind', probability: 0.5, befall: (_, faults) => faults.fallBehind() },
];

/** How long after faults have ended everybody has set right what they did. Milliseconds. */
const SET_RIGHT_AFTER_MS = 5_000;

/** Lets people and backups do what they do to one secret, each at its time, before faults end. */
export function befall(ground: Ground, faults: TargetFaults, { time, profile, chance, note, left }: HumanParts): void {
  time.after(profile.faultsEndMs + SET_RIGHT_AFTER_MS, () => ground.setRight(left()));
  for (const { kind, probability, befall: happen } of deeds) {
    const from = chance.split(kind);
    const strikes = profile.strikes(kind, from, probability);
    const atMs = from.below(Math.max(1, profile.faultsEndMs));
    if (!strikes) continue;
    if (kind === 'target-restored') time.after(from.below(atMs + 1), () => ground.takeBackup());
    time.after(atMs, () => {
      note(`${kind} at ${ground.secret.id}`);
      happen(ground, faults, from);
      ground.changed = true;
    });
  }
}

function changePassword(ground: Ground, chance: Chance): void {
  const identity = somebody(ground, chance);
  if (identity === undefined) return;
  ground.breakByHand(identity, { value: Secret.fromText(`${CANARY}changed-by-hand-0000000000000000`) });
}

function dropRole(ground: Ground, chance: Chance): void {
  const identity = somebody(ground, chance);
  if (identity === undefined) return;
  ground.breakByHand(identity, null);
}

/** Somebody thinks that what was switched off is needed. */
function enableByHand(ground: Ground): void {
  for (const identity of ground.target.switchedOff()) {
    ground.target.changeByHand(identity, { login: true });
    ground.revived.add(identity);
    ground.touched.add(identity);
  }
}

function moveLabel(ground: Ground, chance: Chance): void {
  const version = ground.store.read(ground.secret.id, chance.between(1, 3));
  // Where there is no label, nobody could put it back where it was.
  if (version !== null && ground.current() !== null) ground.moveByHand(version);
}

function somebody(ground: Ground, chance: Chance): string | undefined {
  const live = ground.target.live();
  return live.length === 0 ? undefined : chance.pick(live);
}
