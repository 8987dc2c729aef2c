/** A server that a rig works on, put up by the rig or by its test. */
export interface GivenServer {
  /** Of a superuser. A Redis has one database. */
  readonly url: (database: string) => string;
  /** Null: it writes none. */
  readonly log: string | null;
}
