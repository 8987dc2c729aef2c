import { keyturnError } from 'keyturn/rotator';
import type { MariadbConfig } from './config.js';
import type { Session } from './session.js';

/** A name with everything that answers to it. */
export interface Account {
  readonly name: string;
  /** The hosts it may come from: MariaDB keeps one account for each. Empty where there is none. */
  readonly hosts: readonly string[];
  /** Null where nothing of ours is there. */
  readonly tag: Tag | null;
}

/** Whose account it is. */
export interface Tag {
  readonly secret: string;
  readonly rotation: string;
}

/**
 * The tables of Keyturn, as a person makes them. MariaDB keeps no comment on an account, so the tags stand in a table, and
 * an identifier of the system with them: replicas have the same, and a restored copy keeps it.
 */
export function schemaCure({ schema }: Pick<MariadbConfig, 'schema'>): string {
  return [
    `CREATE DATABASE IF NOT EXISTS ${schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;`,
    `CREATE TABLE IF NOT EXISTS ${schema}.accounts (name varchar(80) PRIMARY KEY, secret varchar(600) NOT NULL, rotation varchar(64) NOT NULL);`,
    `CREATE TABLE IF NOT EXISTS ${schema}.systems (id char(36) PRIMARY KEY);`,
    `INSERT INTO ${schema}.systems SELECT uuid() FROM DUAL WHERE NOT EXISTS (SELECT * FROM ${schema}.systems);`,
  ].join(' ');
}

/** True for a name that needs no escaping: others are none of ours, and stay as they are. */
export function isReadable(name: string): boolean {
  return /^[\w.-]{1,80}$/.test(name);
}

/** Reads what answers to a name, and its tag. *Errors* `NOT_OURS` where it is not {@link isReadable}. */
export async function readAccount(session: Session, { schema }: MariadbConfig, name: string): Promise<Account> {
  if (!isReadable(name)) throw keyturnError('NOT_OURS', { identity: name });
  const found = await session.query('SELECT host FROM mysql.global_priv WHERE BINARY user = ?', [name]);
  const [row] = await session.query(`SELECT secret, rotation FROM ${schema}.accounts WHERE name = ?`, [name]);
  const tag = row === undefined ? null : { secret: String(row['secret']), rotation: String(row['rotation']) };
  return { name, hosts: found.map(({ host }) => String(host)), tag };
}

/** True where the account carries the tag of this rotation, or that of no rotation where it is null. */
export function isFrom({ tag }: Account, rotation: string | null, secret: string): boolean {
  if (tag === null || rotation === null) return tag === null && rotation === null;
  return tag.rotation === rotation && tag.secret === secret;
}

/** `'app-r1'@'%', 'app-r1'@'10.%'`: everything that answers to the name, for a statement. */
export function named({ name, hosts }: Account): string {
  return hosts.map((host) => quoted(name, host)).join(', ');
}

/** `'app-r1'@'%'`. Hosts come from the server, where an administrator may have written anything. */
export function quoted(name: string, host: string): string {
  if (/['\\]/.test(host)) throw keyturnError('NOT_OURS', { identity: name });
  return `'${name}'@'${host}'`;
}
