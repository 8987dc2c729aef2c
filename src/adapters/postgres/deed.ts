import { type Session, rowsOf } from './statements.js';

/** What a person did, for the audit trail. */
export interface Deed {
  /** Null: it is about none. */
  readonly secret: string | null;
  readonly environment: string;
  readonly rotationId?: string;
  readonly by: string;
  readonly action: string;
  readonly reason: string;
  readonly facts?: Readonly<Record<string, string | number>>;
}

/** Writes it into the audit trail. */
export async function noteDeed(session: Session, deed: Deed): Promise<void> {
  await rowsOf(
    session,
    `INSERT INTO keyturn.audit (environment, secret, rotation_id, principal, action, reason, facts)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      deed.environment,
      deed.secret,
      deed.rotationId ?? null,
      deed.by,
      deed.action,
      deed.reason,
      JSON.stringify(deed.facts ?? {}),
    ],
  );
}
