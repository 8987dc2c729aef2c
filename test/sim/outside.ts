import type { MemoryClock } from '../../src/adapters/memory/clock.js';
import type { MemoryState } from '../../src/adapters/memory/state.js';
import { MemoryStore } from '../../src/adapters/memory/store.js';
import { keyturnError } from '../../src/core/errors.js';
import type { SealerPort } from '../../src/ports/engine-ports.js';
import type { Scope, StepPorts, TargetPort } from '../../src/ports/step-ports.js';
import type { Chance } from './chance.js';
import { SimulatedChecks } from './checks.js';
import { type Complaint, SimulatedConsumer } from './consumers.js';
import { Ground, type Witness } from './ground.js';
import { befall } from './human.js';
import { KeyringFaults } from './keyring-faults.js';
import type { SimulatedSecret } from './population.js';
import type { Profile } from './profile.js';
import { StoreFaults } from './store-faults.js';
import { type FaultParts, type Prompt, TargetFaults } from './target-faults.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

/** What the outside of a world is made of. */
export interface OutsideParts {
  readonly chance: Chance;
  readonly profile: Profile;
  readonly time: VirtualTime;
  readonly trace: Trace;
  /** The outside's own clock, which never jumps. */
  readonly clock: MemoryClock;
  readonly state: Pick<MemoryState, 'holds' | 'sealed' | 'load'>;
  readonly secrets: readonly SimulatedSecret[];
  readonly witness: Witness;
  readonly complain: Complaint;
  /** True once nothing is at work any more. */
  readonly isOver: () => boolean;
}

/** The ports of the outside; every member answers at once, or throws. */
export interface OutsidePorts {
  readonly target: Prompt<TargetPort>;
  readonly store: Prompt<StepPorts['store']>;
  readonly sealed: Prompt<StepPorts['sealed']>;
  readonly consumers: Prompt<StepPorts['consumers']>;
  readonly checks: Prompt<StepPorts['checks']>;
  readonly standing: Prompt<StepPorts['standing']>;
  readonly sealer: Prompt<SealerPort>;
}

/** Every secret has the same three applications, whichever of them its configuration names. */
const consumerNames = ['app', 'batch', 'report'];

/** How often the key service may be found disabled. Milliseconds. */
const KEY_MS = 15_000;

/** Everything outside the engine and its database: targets, store, keyring, consumers and people, with what befalls them. */
export class Outside {
  readonly store: MemoryStore;
  readonly ports: OutsidePorts;
  readonly #storeFaults: StoreFaults;
  readonly #grounds = new Map<string, Ground>();
  readonly #consumers = new Map<string, readonly SimulatedConsumer[]>();
  readonly #checks = new Map<string, SimulatedChecks>();

  constructor(parts: OutsideParts) {
    const { chance, profile, time, trace, clock, state, witness } = parts;
    const from = chance.split('outside');
    this.store = new MemoryStore(state);
    const shared: FaultParts = { time, profile, witness, holds: (secret, epoch) => state.holds(secret, epoch) };
    const targets = new Map<string, TargetFaults>();
    for (const secret of parts.secrets) {
      const own = from.split(secret.id);
      const ground = new Ground(secret, this.store, clock, (id) => state.sealed(id, 'new') !== undefined);
      const faults = new TargetFaults(ground, own.split('target'), shared);
      this.#grounds.set(secret.id, ground);
      targets.set(secret.id, faults);
      befall(ground, faults, {
        time,
        profile,
        chance: own.split('human'),
        note: (what) => trace.note(time.nowMs, what),
        left: () => witness.left(secret.id),
      });
      this.#checks.set(secret.id, new SimulatedChecks(own.split('checks'), profile));
      const { complain, isOver } = parts;
      this.#consumers.set(
        secret.id,
        consumerNames.map(
          (name) => new SimulatedConsumer(name, ground, own.split(name), { time, profile, complain, isOver }),
        ),
      );
    }
    const keyring = new KeyringFaults(from.split('keyring'), {
      profile,
      time,
      sealed: (rotationId, slot) => state.sealed(rotationId, slot),
    });
    keyringWeather(keyring, from.split('key'), parts);
    this.#storeFaults = new StoreFaults((scope) => this.ground(scope.plan.secret), from.split('store'), shared);
    const target = (scope: Scope): Prompt<TargetPort> => found(targets, scope.plan.secret).port;
    this.ports = {
      target: routed(target),
      store: this.#storeFaults.port,
      sealed: keyring.opener,
      sealer: keyring.sealer,
      consumers: {
        challenge: ({ plan }, phase, version) =>
          plan.consumers
            .filter((each) => (phase === 'canary' ? each.canary : each.required))
            .flatMap(
              (each) => this.consumer(plan.secret, each.name)?.answer(each, phase, version) ?? unasked(each.name),
            ),
      },
      checks: { look: (scope) => found(this.#checks, scope.plan.secret).look(scope) },
      standing: {
        read: ({ plan }) => {
          const loaded = state.load(plan.rotationId);
          // Its database has forgotten it since.
          if (loaded === null) throw keyturnError('UNKNOWN_ROTATION', { rotation: plan.rotationId });
          return loaded.surroundings;
        },
      },
    };
  }

  /** What is true of a secret. */
  ground(secret: string): Ground {
    return found(this.#grounds, secret);
  }

  get grounds(): readonly Ground[] {
    return [...this.#grounds.values()];
  }

  /** Applications that use what they should not, or prove nothing, are mended. */
  mendConsumers(secret: string): void {
    for (const consumer of this.#consumers.get(secret) ?? []) consumer.mend();
  }

  /** What a standby knows of a store that lives in the database. Where it goes back, so does what people did to it. */
  backUpStore(): () => void {
    const restores = [this.store.backUp(), ...this.grounds.map((ground) => ground.backUpHand())];
    return () => restores.forEach((restore) => restore());
  }

  /** The state database went back to an earlier copy, and the store with it where that lives there. */
  rewound(store: boolean): void {
    if (!store) return;
    this.#storeFaults.rewound();
    for (const ground of this.grounds) ground.rewound();
  }

  /** True where the last look of this executor in this rotation has found every check of it good. */
  haveChecksPassed(secret: string, rotationId: string, epoch: number): boolean {
    return found(this.#checks, secret).hasPassed(rotationId, epoch);
  }

  /** A consumer by its name; undefined where the configuration names one that does not exist. */
  consumer(secret: string, name: string): SimulatedConsumer | undefined {
    return this.#consumers.get(secret)?.find((each) => each.name === name);
  }
}

function routed(of: (scope: Scope) => Prompt<TargetPort>): Prompt<TargetPort> {
  return {
    preflight: (scope, current) => of(scope).preflight(scope, current),
    identify: (scope) => of(scope).identify(scope),
    propose: (scope, current) => of(scope).propose(scope, current),
    create: (scope, proposal) => of(scope).create(scope, proposal),
    probe: (scope, credential) => of(scope).probe(scope, credential),
    verify: (scope, credential) => of(scope).verify(scope, credential),
    usage: (scope, identity) => of(scope).usage(scope, identity),
    refusedLogins: (scope, identity, mark) => of(scope).refusedLogins(scope, identity, mark),
    raise: (scope) => of(scope).raise(scope),
    disable: (scope, identity) => of(scope).disable(scope, identity),
    enable: (scope, identity) => of(scope).enable(scope, identity),
    destroy: (scope, identity, provenance) => of(scope).destroy(scope, identity, provenance),
    list: (scope) => of(scope).list(scope),
  };
}

/** A consumer that is declared and not there. */
function unasked(consumer: string) {
  return [{ consumer, instance: null, answer: 'unreachable', reason: 'there is none' }] as const;
}

function keyringWeather(keyring: KeyringFaults, chance: Chance, { time, profile }: OutsideParts): void {
  time.after(KEY_MS, () => {
    if (time.nowMs >= profile.faultsEndMs) return;
    if (profile.strikes('key-disabled', chance, 0.05)) keyring.disable();
    keyringWeather(keyring, chance, { time, profile } as OutsideParts);
  });
}

function found<Value>(map: ReadonlyMap<string, Value>, secret: string): Value {
  const value = map.get(secret);
  if (value === undefined) throw new TypeError(`there is no ${secret}`);
  return value;
}
