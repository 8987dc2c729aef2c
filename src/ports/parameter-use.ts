/** Who has read a parameter, as the record of accesses says. */
export interface Reader {
  readonly principal: string;
  readonly reads: number;
  /** The database's time. Milliseconds since 1970. */
  readonly lastAtMs: number;
  /** The versions it was given, in order. */
  readonly versions: readonly number[];
}

/** What is known of the use of a parameter. Times are the database's, in milliseconds since 1970. */
export interface ParameterUse {
  readonly path: string;
  /** The newest one. */
  readonly version: number;
  /** When the newest version was put. */
  readonly changedAtMs: number;
  /** When the oldest version that is kept was put. */
  readonly sinceMs: number;
  /** Null: never, as far as the record goes. */
  readonly lastReadAtMs: number | null;
  readonly labels: readonly { readonly label: string; readonly version: number }[];
  /** Of the time that was asked for, by principal. */
  readonly readers: readonly Reader[];
}

/** What parameters are used for, and how far back that is known. */
export interface UseRecord {
  readonly nowMs: number;
  /** The first access that is on record; null: none is. */
  readonly recordedSinceMs: number | null;
  /** By path, in its order. */
  readonly parameters: readonly ParameterUse[];
}

/** Reads the record of accesses for those who tidy up. */
export interface ParameterUses {
  /** Of the parameters below a path, `/` for all; readers of the last `windowMs`. *Errors* `STORE_UNAVAILABLE`. */
  below(environment: string, path: string, windowMs: number): Promise<UseRecord>;
}
