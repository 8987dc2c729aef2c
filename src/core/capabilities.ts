/** What a rotator can honestly do. The cases in `keyturn/testing` compare it with what it does. */
export interface Capabilities {
  /** `two-live`: old and new work side by side. `one-live`: making the new one kills the old one. */
  readonly overlap: 'two-live' | 'one-live';
  /** `ours`: we choose the value. `provider`: the target shows it once, in the answer to `create`. */
  readonly origin: 'ours' | 'provider';
  /** True where the target keeps our fence token and refuses an older one in the same transaction as the change. */
  readonly fence: boolean;
  /** False where a credential cannot be switched off reversibly: `disable` and `watch` then pass with that fact. */
  readonly disable: boolean;
  /** False where the target cannot tell who uses a credential: `usage` then answers `unknown`. */
  readonly usage: boolean;
  /** True where the target tells from where logins were refused: `refusedLogins` is there then. Absent: false. */
  readonly refusedLogins?: boolean;
  /** True where `disable` ends live sessions. */
  readonly endsSessions: boolean;
  /** True where `list` finds what carries our tag; where the target keeps none, what is there at all (`exclusive`). */
  readonly list: boolean;
  /**
   * True for a target that keeps no tag, on an account where nobody else makes credentials: one that was not there when
   * the rotation proposed its own is the rotation's. Absent: false.
   */
  readonly exclusive?: boolean;
  /**
   * Without a fence: how long after it was meant a request may still take effect at the target. Milliseconds.
   * The engine waits this long before it calls an interrupted effect settled.
   */
  readonly settleMs: number;
  /** How long the target may go on accepting a credential that it has destroyed. Absent: 0. Milliseconds. */
  readonly propagationMs?: number;
}
