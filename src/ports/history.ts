import type { StoredHistory } from '../core/history/stored.js';

/** Which rotations are judged. */
export interface HistoryFilter {
  /** `environment:/path`. Absent: of all secrets. */
  readonly secret?: string;
  /** Requested at or after this time. Milliseconds since 1970. Absent: all. */
  readonly sinceMs?: number;
}

/** Reading for the judge of histories. It changes nothing and takes no lock. */
export interface HistoryReader {
  /**
   * Every rotation that was requested before the call, with its events: secret by secret, oldest first, a page at a
   * time, each page as it stood at one instant.
   */
  histories(filter: HistoryFilter): AsyncIterable<StoredHistory>;
  /** Rotations that have events or an audit trail and no row of their own. */
  strays(filter: HistoryFilter): Promise<readonly string[]>;
}
