import { MemoryTarget } from '../../src/adapters/memory/target.js';
import type { MemoryClock } from '../../src/adapters/memory/clock.js';
import type { MemoryStore } from '../../src/adapters/memory/store.js';
import { type Credential, parseCredential, renderCredential } from '../../src/core/credential.js';
import { Secret, sameSecret } from '../../src/core/secret.js';
import type { Scope, StoredVersion } from '../../src/ports/step-ports.js';
import { Openings } from './openings.js';
import type { SimulatedSecret } from './population.js';

/** Something an executor changes outside, at the instant at which the outside takes it. */
export interface Effect {
  readonly ground: Ground;
  readonly method: 'create' | 'disable' | 'enable' | 'destroy' | 'putPending' | 'moveCurrent' | 'retirePending';
  readonly scope: Scope;
  /** Null for the store. */
  readonly identity: string | null;
  /** The version a label is moved to; null for the target, and where a label is taken away. */
  readonly version: number | null;
  /** True where the executor had given up waiting for it before. */
  readonly late: boolean;
}

/** Judges every effect by what is true at its instant. */
export interface Witness {
  /** Called right before the outside takes it. *Returns* what to call once it has been taken. */
  about(effect: Effect): () => void;
  /** How an open rotation of this secret left the world, for whoever sets it right; null: none is open. */
  left(secret: string): Left | null;
}

/** Where an open rotation expects to find things. */
export interface Left {
  readonly identities: readonly (string | null)[];
  readonly system: string | null;
  /** True where it has switched the old one off. */
  readonly isOff: boolean;
  /** Where it left the label `current`; null: nowhere. */
  readonly version: number | null;
  readonly isTurningBack: boolean;
}

const fields = { identity: 'username', value: 'password' } as const;

/** What every value of a run begins with: found anywhere but where it belongs, it has leaked. */
export const CANARY = 'value-of-';

/**
 * What is true of one secret, its target and its label, whatever the engine believes; and what a person has done to
 * them, because a person's deed excuses exactly what it breaks.
 */
export class Ground {
  readonly target: MemoryTarget;
  /** Refused logins that somebody was told of, and when that was. Milliseconds since 1970. */
  readonly toldRefusals: { readonly identity: string; readonly from: string; readonly atMs: number }[] = [];
  /** Which system the address leads to. */
  system: string;
  /** Since when it leads there. Milliseconds since 1970. */
  systemSinceMs = 0;
  /** Identities that are refused because a person, or a restored backup, broke them; and what sets each right. */
  readonly broken = new Map<string, () => void>();
  /** Those that have ever been: who read before it was set right may complain after. */
  readonly everBroken = new Set<string>();
  /** When the last of them was broken, or an endpoint last fell behind or caught up. Milliseconds since 1970. */
  brokenMs = Number.NEGATIVE_INFINITY;
  /** Identities that can log in because a person, or a restored backup, brought them back. */
  readonly revived = new Set<string>();
  /**
   * Identities that are as a person or a restored backup has left them, or whose label a person has moved, since an
   * engine last made or destroyed them: no engine answers for whether they can log in.
   */
  readonly touched = new Set<string>();
  /** Identities that an executor without a lease has switched off late, where nothing could refuse it. */
  readonly lateOff = new Set<string>();
  /** True once a backup was restored, fence token and all. */
  isRestored = false;
  /** True once the store has gone back with the state database. */
  isRewound = false;
  /** Where a person last put the label `current`. */
  handMove: {
    readonly from: StoredVersion | null;
    readonly version: number;
    readonly atMs: number;
    readonly worked: boolean;
  } | null = null;
  /** From when to when a person had put `current` elsewhere; whoever read it then may hold what is not current. */
  handSpell: { readonly fromMs: number; untilMs: number } | null = null;
  /** When an executor last read where `current` is, by the version it was told. Milliseconds since 1970. */
  readonly aliasReads = new Map<number, number>();
  /** The same, by the epoch that read. */
  readonly readsOfEpoch = new Map<number, number>();
  /** True where something may have changed since the oracle last looked. */
  changed = true;
  readonly openings = new Openings();
  #backup: (() => void) | undefined;
  readonly #parsed = new WeakMap<Secret, Credential>();

  told(identity: string, from: string): void {
    this.toldRefusals.push({ identity, from, atMs: this.clock.nowMs() });
  }

  constructor(
    readonly secret: SimulatedSecret,
    readonly store: MemoryStore,
    readonly clock: MemoryClock,
    /** True where the new value of a rotation is sealed. */
    readonly isSealed: (rotationId: string) => boolean = () => true,
  ) {
    this.target = new MemoryTarget({ capabilities: secret.capabilities, endpoints: secret.endpoints, clock });
    this.system = secret.target;
    if (!secret.startsWithout) this.#adopt();
  }

  /** What `current` names, for whoever reads it now. */
  current(): StoredVersion | null {
    return this.store.read(this.secret.id, 'current');
  }

  /** The credential that stands in a version. Every version of a run can be read, or is a fault of its own. */
  credentialIn(version: StoredVersion): Credential | null {
    const known = this.#parsed.get(version.value);
    if (known !== undefined) return known;
    try {
      const parsed = parseCredential(version.value, fields, this.secret.path);
      this.#parsed.set(version.value, parsed);
      return parsed;
    } catch {
      return null;
    }
  }

  /** True where every endpoint accepts the credential of this version. */
  works(version: StoredVersion): boolean {
    const credential = this.credentialIn(version);
    return credential !== null && this.target.accepts(credential);
  }

  /** True where an identity is refused because a person, a backup, or a request that nothing could refuse broke it. */
  isExcused(identity: string): boolean {
    return this.broken.has(identity) || this.lateOff.has(identity);
  }

  /** True where a person has put the label somewhere, or back, at or after this time. */
  wasMovedSince(ms: number): boolean {
    return this.handSpell !== null && (this.handSpell.fromMs >= ms || this.handSpell.untilMs >= ms);
  }

  /** True where whoever read at this time read what a person had put there. */
  wasByHand(readMs: number): boolean {
    return this.handSpell !== null && readMs >= this.handSpell.fromMs && readMs <= this.handSpell.untilMs;
  }

  /** True where a person put `current` on this version while its credential did not work. */
  isPutByHand({ version }: StoredVersion): boolean {
    return this.handMove !== null && this.handMove.version === version && !this.handMove.worked;
  }

  /** An executor puts the label where a person had put it: what that person did is the rotation's own now. */
  #adopted(version: number | null): void {
    const current = this.current();
    const isSame = this.handMove !== null && this.handMove.version === version && current?.version === version;
    if (isSame && this.works(current)) this.handMove = null;
  }

  /** An executor was told that `current` is on this version. */
  noteRead(epoch: number, read: StoredVersion | null): void {
    const nowMs = this.clock.nowMs();
    if (read !== null) this.aliasReads.set(read.version, nowMs);
    this.readsOfEpoch.set(epoch, nowMs);
  }

  /** The outside has taken an effect: what that makes of a person's deeds. */
  befell({ method, identity, version }: Effect): void {
    this.changed = true;
    if (method === 'moveCurrent') this.#adopted(version);
    if (identity === null) return;
    if (method === 'create' || method === 'destroy') this.#remade(identity);
    // Switching on brings back neither a role that was dropped nor a password that was changed.
    if (method === 'enable') this.lateOff.delete(identity);
  }

  /** An engine made this identity anew, or removed it: what a person did to it before is gone. */
  #remade(identity: string): void {
    this.broken.delete(identity);
    this.everBroken.delete(identity);
    this.revived.delete(identity);
    this.touched.delete(identity);
    this.lateOff.delete(identity);
  }

  /** True where the identity can log in, or could be switched on again. */
  isThere(identity: string): boolean {
    return this.target.live().includes(identity) || this.target.switchedOff().includes(identity);
  }

  /** A consumer opens a session. */
  opened(identity: string): void {
    this.target.openSession(identity);
  }

  /** A person writes a version beside us, of a credential that works where one does. */
  writeByHand(): number {
    const current = this.current();
    const credential = current === null ? null : this.credentialIn(current);
    const document =
      credential === null ? Secret.fromText('{"note":"not a credential"}') : renderCredential(credential, fields);
    this.changed = true;
    return this.store.putByHand(this.secret.id, document);
  }

  /** A person puts `current` on a version. */
  moveByHand(version: StoredVersion): void {
    const from = this.current();
    this.store.moveByHand(this.secret.id, version.version);
    this.#touchNamed(from, version);
    const nowMs = this.clock.nowMs();
    this.handSpell = { fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY };
    this.handMove = { from, version: version.version, atMs: nowMs, worked: this.works(version) };
    this.changed = true;
  }

  /** A person is about to break an identity. */
  breakByHand(identity: string, change: Parameters<MemoryTarget['changeByHand']>[1]): void {
    // What was broken before is set right on what is there now: a role that was dropped since has to be there first.
    const [now, before] = [this.target.remember(identity), this.broken.get(identity)];
    this.broken.set(identity, () => {
      now();
      before?.();
    });
    this.everBroken.add(identity);
    this.touched.add(identity);
    this.target.changeByHand(identity, change);
    this.brokenMs = this.clock.nowMs();
    this.changed = true;
  }

  /** A person destroys what the engine refuses to, because it is not known to be its own. */
  destroyByHand(identity: string): void {
    this.broken.delete(identity);
    this.everBroken.add(identity);
    this.touched.add(identity);
    this.target.changeByHand(identity, null);
    this.changed = true;
  }

  /** People set right what they did: where a rotation waits for it, as that rotation left it. */
  setRight(left: Left | null): void {
    const goal = this.#goal(left);
    const named = goal === null ? null : this.credentialIn(goal)?.identity;
    for (const [identity, restore] of this.broken) {
      if (identity !== named && left?.identities.includes(identity) !== true) continue;
      restore();
      this.touched.add(identity);
      this.target.changeByHand(identity, { login: left?.isOff !== true || identity === named });
      this.broken.delete(identity);
    }
    for (const endpoint of this.secret.endpoints) this.target.catchUp(endpoint);
    this.system = left?.system ?? this.system;
    this.#putLabelBack(left);
    const inUse = this.current();
    const used = inUse === null ? null : this.credentialIn(inUse)?.identity;
    for (const identity of this.revived) {
      const isNeeded = left !== null && !left.isOff && left.identities.includes(identity);
      if (identity !== used && !isNeeded) this.target.changeByHand(identity, { login: false });
    }
    this.changed = true;
  }

  /** Where the label belongs. */
  #goal(left: Left | null): StoredVersion | null {
    const current = this.current();
    if (this.handMove === null || current?.version !== this.handMove.version) return current;
    const version = left?.version ?? this.handMove.from?.version ?? null;
    return version === null ? current : this.store.read(this.secret.id, version);
  }

  #putLabelBack(left: Left | null): void {
    const { handMove } = this;
    // A first credential that is turned back waits for the label to be nowhere.
    if (this.handSpell !== null && left?.isTurningBack === true && left.version === null)
      return this.#endHandMove(null);
    if (handMove === null) return this.#putLabelWhereExpected(left);
    if (this.current()?.version !== handMove.version) {
      this.handMove = null;
      return;
    }
    const isOneLive = this.secret.capabilities.overlap === 'one-live';
    // What the rotation waits for may be destroyed, and the rotation that did it forgotten: it goes where it came from then.
    const back = [left?.version ?? null, handMove.from?.version ?? null]
      .map((version) => (version === null ? null : this.store.read(this.secret.id, version)))
      .find((each) => each !== null && (isOneLive || this.works(each)));
    if (back !== undefined && back !== null) this.#endHandMove(back);
  }

  #endHandMove(back: StoredVersion | null): void {
    this.#touchNamed(this.current(), back);
    this.store.moveByHand(this.secret.id, back?.version ?? null);
    this.handMove = null;
    if (this.handSpell !== null) this.handSpell.untilMs = this.clock.nowMs();
  }

  /** A rotation began while the label was where a person had put it, and waits for it to be there again. */
  #putLabelWhereExpected(left: Left | null): void {
    const expected = left?.version ?? null;
    if (this.handSpell === null || expected === null || this.current()?.version === expected) return;
    const version = this.store.read(this.secret.id, expected);
    if (version !== null && this.works(version)) this.store.moveByHand(this.secret.id, expected);
  }

  /**
   * The store is as it was earlier: what it names then, and the target has taken away since, nobody could know. A request
   * that was on its way at that moment counts as one that arrived before it.
   */
  rewound(): void {
    this.isRewound = true;
    this.changed = true;
    this.excuseCurrent();
  }

  /** Where what `current` names is refused now, nobody could know: people set it right. */
  excuseCurrent(): void {
    const current = this.current();
    if (current === null || this.isPutByHand(current)) return;
    const credential = this.credentialIn(current);
    if (credential === null || (this.target.accepts(credential) && this.#isKept(credential))) return;
    const { identity, value } = credential;
    if (!this.broken.has(identity))
      this.broken.set(identity, () => this.target.changeByHand(identity, { value, login: true, dead: false }));
    this.everBroken.add(identity);
    this.touched.add(identity);
    this.brokenMs = this.clock.nowMs();
  }

  /** True where the target itself knows it, whatever an endpoint that is behind still accepts. */
  #isKept({ identity, value }: Credential): boolean {
    const kept = this.target.accounts().find((each) => each.identity === identity && each.login);
    return kept?.value !== undefined && kept.value !== null && sameSecret(kept.value, value);
  }

  /** Where people have put the label. *Returns* what takes it back to that. */
  backUpHand(): () => void {
    const { handMove, handSpell } = this;
    return () => {
      this.handMove = handMove;
      // Whoever has read meanwhile what a person had put there may hold it still.
      const spell = this.handSpell;
      if (handMove !== null && handSpell !== null)
        this.handSpell = { fromMs: handSpell.fromMs, untilMs: Number.POSITIVE_INFINITY };
      else if (spell !== null) spell.untilMs = Math.min(spell.untilMs, this.clock.nowMs());
    };
  }

  takeBackup(): void {
    this.#backup ??= this.target.backUp();
  }

  /** The target is restored from the backup: whose logins that changes, the backup has changed. */
  restoreBackup(): void {
    if (this.#backup === undefined) return;
    const before = new Map(this.#identities().map((identity) => [identity, this.target.remember(identity)]));
    for (const identity of this.#identities()) this.touched.add(identity);
    this.#backup();
    for (const identity of this.#identities()) this.touched.add(identity);
    this.isRestored = true;
    this.brokenMs = this.clock.nowMs();
    // What lives now lived once: the backup has brought it back, or an earlier form of it.
    for (const identity of this.target.live()) this.revived.add(identity);
    for (const [identity, restore] of before) {
      this.everBroken.add(identity);
      if (!this.broken.has(identity)) this.broken.set(identity, restore);
    }
    this.changed = true;
  }

  /** Everybody the target knows. */
  #identities(): readonly string[] {
    return [...this.target.live(), ...this.target.switchedOff()];
  }

  /** Who loses the label is not revoked by whoever moves it by hand. */
  #touchNamed(...versions: readonly (StoredVersion | null)[]): void {
    for (const version of versions) {
      const identity = version === null ? undefined : this.credentialIn(version)?.identity;
      if (identity !== undefined) this.touched.add(identity);
    }
  }

  /** The address leads to another system from now on, with the same accounts. */
  leadElsewhere(): void {
    this.system = `${this.secret.target}, another`;
    this.systemSinceMs = this.clock.nowMs();
  }

  /** A credential that was made by hand before Keyturn came. */
  #adopt(): void {
    const { principal, id, capabilities } = this.secret;
    const identity = capabilities.overlap === 'one-live' ? principal : `${principal}_a`;
    const old = { identity, value: Secret.fromText(`${CANARY}hand-made-${identity}-000000000000`) };
    this.target.adopt(old);
    this.store.putInitial(id, renderCredential(old, fields));
  }
}
