import type { ErrorCode, ErrorFacts } from '../core/errors.js';

/** What the launcher asks of the guard: one line of JSON on its stdin. The end of stdin means: stop, and clean up. */
export interface GuardRequest {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string;
  /** A folder that outlives the run; `null` for an ephemeral one. */
  readonly dataDir: string | null;
  readonly fsync: boolean;
  /** Where the server listens; `null` for a free port. */
  readonly port: number | null;
  readonly settings: Readonly<Record<string, string>>;
  /** Where the server's log goes; `null` for beside the cluster. */
  readonly logFile: string | null;
  /** Where an ephemeral folder may be made; the first that the server's user can enter is taken. */
  readonly temporaryFolders: readonly string[];
}

/** What the guard answers: one line of JSON on its stdout, and then nothing more. */
export type GuardReport = GuardReady | GuardRefusal;

/** The server accepts connections. */
export interface GuardReady {
  readonly kind: 'ready';
  readonly port: number;
  readonly serverPid: number;
  readonly password: string;
  readonly cluster: string;
  /** Goes away with the server; the launcher removes it where the guard died first. */
  readonly scratch: string;
  readonly serverLogPath: string;
}

/** Nothing was started, or it was cleaned up again. */
export interface GuardRefusal {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
}
