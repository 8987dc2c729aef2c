import type { Session } from './session.js';

/** An account (`ACL user`) as a server keeps it. */
export interface Account {
  readonly name: string;
  readonly isOn: boolean;
  /** True where every password is accepted: a login then proves nothing. */
  readonly takesAnyPassword: boolean;
  /** Null where nothing of ours is there. */
  readonly tag: Tag | null;
}

/** Whose account it is. */
export interface Tag {
  readonly secret: string;
  readonly rotation: string;
}

/** How the pattern that is our tag begins. */
export const tagPrefix = '~keyturn:';

/**
 * The tag as an access rule: `(~keyturn:<rotation>:<secret>)`. A selector that names keys and no command grants nothing.
 * Redis has no comment on an account, and this is written and removed with the account itself, in one command.
 */
export function tagRule({ secret, rotation }: Tag): string {
  return `(${tagPrefix}${rotation}:${encoded(secret)})`;
}

/** Reads every account of a server. */
export async function readAccounts(session: Session): Promise<ReadonlyMap<string, Account>> {
  const lines = await session.call('ACL', 'LIST');
  if (!Array.isArray(lines)) throw new TypeError('ACL LIST did not answer with a list');
  const accounts = lines.map(String).flatMap((line) => readLine(line) ?? []);
  return new Map(accounts.map((account) => [account.name, account]));
}

/** True where the account carries the tag of this rotation, or that of no rotation where it is null. */
export function isFrom({ tag }: Account, rotation: string | null, secret: string): boolean {
  if (tag === null || rotation === null) return tag === null && rotation === null;
  return tag.rotation === rotation && tag.secret === secret;
}

/** Reads `user NAME on #<hash> ~* … (~keyturn:<rotation>:<secret> …)`; undefined for a line that is no account. */
function readLine(line: string): Account | undefined {
  const [, name, rules = ''] = /^user (\S+) (.*)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const words = rules.replaceAll(/\([^)]*\)/g, '').split(' ');
  const [, rotation, secret] = /\(~keyturn:([^:\s]+):(\S+)[ )]/.exec(rules) ?? [];
  return {
    name,
    isOn: words.includes('on'),
    takesAnyPassword: words.includes('nopass'),
    tag: rotation === undefined || secret === undefined ? null : { rotation, secret: decodeURIComponent(secret) },
  };
}

/** A space or a parenthesis would end the rule it stands in. */
function encoded(secret: string): string {
  return encodeURIComponent(secret)
    .replaceAll('%2F', '/')
    .replaceAll('%3A', ':')
    .replaceAll('(', '%28')
    .replaceAll(')', '%29');
}
