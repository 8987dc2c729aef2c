import { keyturnError } from '../../src/core/errors.js';
import { Secret, openSecret } from '../../src/core/secret.js';
import type { SealerPort } from '../../src/ports/engine-ports.js';
import type { SealedPort } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import type { Prompt } from './target-faults.js';
import type { Profile } from './profile.js';
import type { VirtualTime } from './virtual-time.js';

/** How long a key stays disabled. Milliseconds. */
const spellsMs = [3_000, 15_000] as const;

/** Seals by copying, under a context; the key may be denied, disabled, or asked under another context. */
export class KeyringFaults {
  readonly #chance: Chance;
  readonly #profile: Profile;
  readonly #time: VirtualTime;
  readonly #sealed: (rotationId: string, slot: string) => Uint8Array | undefined;
  #disabledUntilMs = 0;

  constructor(
    chance: Chance,
    parts: {
      readonly profile: Profile;
      readonly time: VirtualTime;
      readonly sealed: (rotationId: string, slot: string) => Uint8Array | undefined;
    },
  ) {
    this.#chance = chance;
    this.#profile = parts.profile;
    this.#time = parts.time;
    this.#sealed = parts.sealed;
  }

  readonly sealer: Prompt<SealerPort> = {
    seal: (scope, _, value) => {
      this.#reach(scope.plan.path);
      return openSecret(value).slice();
    },
  };

  readonly opener: Prompt<SealedPort> = {
    open: (scope, slot) => {
      this.#reach(scope.plan.path);
      if (this.#profile.strikes('wrong-context', this.#chance, 0.002))
        throw keyturnError('KEYRING_DENIED', { secret: scope.plan.path });
      const sealed = this.#sealed(scope.plan.rotationId, slot);
      return sealed === undefined ? null : new Secret(sealed.slice());
    },
  };

  /** The key is disabled for a while: everything is denied. */
  disable(): void {
    this.#disabledUntilMs = this.#time.nowMs + this.#chance.pick(spellsMs);
  }

  #reach(secret: string): void {
    if (this.#time.nowMs < this.#disabledUntilMs || this.#profile.strikes('keyring-denies', this.#chance, 0.002))
      throw keyturnError('KEYRING_DENIED', { secret });
    if (this.#profile.strikes('keyring-away', this.#chance, 0.01)) throw keyturnError('KEYRING_UNAVAILABLE');
  }
}
