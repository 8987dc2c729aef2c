import { randomUUID } from 'node:crypto';
import { type Finding, type RotatorContext, keyturnError } from 'keyturn/rotator';
import { type Account, isFrom, readAccounts, tagRule } from './accounts.js';
import { type AdminSession, type Work, adminCure, atEveryEndpoint } from './admin.js';
import { type RedisConfig, identityOf, nameOf } from './config.js';
import { fileCure, noFile, serverSaid, sortFault } from './faults.js';

/** What preflight looks at, at one endpoint. */
interface Looked {
  readonly config: RedisConfig;
  readonly ctx: RotatorContext;
  readonly session: AdminSession;
  readonly accounts: ReadonlyMap<string, Account>;
  readonly current: string | null;
}

/** Everything that would make a rotation fail later, each with what mends it. Changes nothing. */
export async function preflight(
  config: RedisConfig,
  current: string | null,
  ctx: RotatorContext,
): Promise<readonly Finding[]> {
  const found = await atEveryEndpoint({ config, action: 'preflight', ctx }, async (session) => {
    const looked = { config, ctx, session, current, accounts: await readAccounts(session) };
    const lacking = await privilegeFindings(looked);
    if (lacking.length > 0) return lacking;
    return [
      ...(await fileFindings(looked)),
      ...(await ruleFindings(looked)),
      ...nextFindings(looked),
      ...currentFindings(looked),
    ];
  });
  return found.flat();
}

/** `ACL DRYRUN` says of a command whether the account might run it, and runs nothing. */
async function privilegeFindings({ config, session }: Looked): Promise<readonly Finding[]> {
  const admin = config.admin.username;
  const endpoint = nameOf(session.endpoint);
  const needed = [
    ['ACL', 'SETUSER', 'any'],
    ['ACL', 'DELUSER', 'any'],
    ['ACL', 'SAVE'],
    ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'USER', 'any'],
    ['CONFIG', 'GET', 'aclfile'],
  ];
  const missing: string[] = [];
  for (const words of needed) {
    try {
      if ((await session.call('ACL', 'DRYRUN', admin, ...words)) !== 'OK') missing.push(words.slice(0, 2).join(' '));
    } catch (error) {
      if (sortFault(error) === 'privilege') {
        missing.push('ACL DRYRUN');
        break;
      }
      if (!/unknown subcommand/i.test(serverSaid(error)?.message ?? '')) throw error;
      const sentence = `${endpoint} is older than Redis 7, whose accounts cannot carry our tag`;
      return [{ sentence, cure: 'Upgrade it to Redis 7 or Valkey.' }];
    }
  }
  if (missing.length === 0) return [];
  return [{ sentence: `admin ${admin} may not run ${missing.join(', ')} at ${endpoint}`, cure: adminCure(config) }];
}

async function fileFindings({ session }: Looked): Promise<readonly Finding[]> {
  const [, file] = (await session.call('CONFIG', 'GET', 'aclfile')) as readonly unknown[]; // A name and its value.
  return file === '' || file === undefined ? [{ sentence: noFile(nameOf(session.endpoint)), cure: fileCure }] : [];
}

/** Ends the rules of {@link ruleFindings}: no server knows it, so nothing is made of the rules before it. */
const notARule = 'keyturn-looks-only';

/** The server refuses the whole command for its last word, and names the first word that it does not take. */
async function ruleFindings({ config, ctx, session }: Looked): Promise<readonly Finding[]> {
  const identity = identityOf(config, ctx.rotationId);
  const tag = tagRule({ secret: ctx.secret, rotation: ctx.rotationId });
  try {
    await session.call('ACL', 'SETUSER', identity, 'reset', ...config.rules, tag, notARule);
    throw new TypeError('a word that is no rule was taken for one');
  } catch (error) {
    if (sortFault(error) !== 'rule') throw error;
    const refused = [...config.rules, tag].find((rule) => serverSaid(error)?.message.includes(`'${rule}'`));
    if (refused === undefined) return [];
    const sentence = `${nameOf(session.endpoint)} does not take the rule ${refused}`;
    return [{ sentence, cure: 'Mend it in `rules`: https://valkey.io/topics/acl lists what there is.' }];
  }
}

function nextFindings({ config, ctx, session, accounts }: Looked): readonly Finding[] {
  const identity = identityOf(config, ctx.rotationId);
  const account = accounts.get(identity);
  if (account === undefined || isFrom(account, ctx.rotationId, ctx.secret)) return [];
  return [
    { sentence: `account ${identity} at ${nameOf(session.endpoint)} is not ours`, cure: `ACL DELUSER ${identity}` },
  ];
}

function currentFindings({ config, session, accounts, current }: Looked): readonly Finding[] {
  const account = current === null ? undefined : accounts.get(current);
  if (account === undefined) return [];
  const { name, takesAnyPassword } = account;
  if (isNeverOurs(config, name)) {
    return [
      {
        sentence: `the current credential is the account ${name}, on which more than one consumer rests`,
        cure: 'Give the consumer an account of its own, put that as the current version, and rotate then.',
      },
    ];
  }
  if (!takesAnyPassword) return [];
  const sentence = `account ${name} takes any password at ${nameOf(session.endpoint)}, so a login proves nothing`;
  return [{ sentence, cure: `ACL SETUSER ${name} resetpass #… (the SHA-256 of its password in hex)` }];
}

/** The admin's own account, and the one by which everybody is let in who does not say who they are. */
export function isNeverOurs({ admin }: Pick<RedisConfig, 'admin'>, name: string): boolean {
  return name === 'default' || name === admin.username;
}

/** An account whose name is the identifier of the system: Redis has none that outlives a restart. */
const marker = /^keyturn-system-(.+)$/;

/**
 * The identifier that a person has given the system, the same at every endpoint.
 *
 * *Errors* `PREFLIGHT_FAILED` with the command that gives one, where nothing has been changed yet; else `TARGET_CHANGED`.
 */
export async function identify(work: Work): Promise<{ readonly system: string }> {
  const found = await atEveryEndpoint(work, async (session) => ({
    endpoint: nameOf(session.endpoint),
    systems: [...(await readAccounts(session)).keys()].flatMap((name) => marker.exec(name)?.[1] ?? []),
  }));
  const system = found.find(({ systems }) => systems.length > 0)?.systems[0];
  const odd = found.find(({ systems }) => system === undefined || systems.length !== 1 || systems[0] !== system);
  if (system !== undefined && odd === undefined) return { system };
  const finding = `${odd?.endpoint ?? ''} does not carry ${system === undefined ? 'an identifier' : `the identifier ${system}`}`;
  if (work.ctx.step !== 'preflight') throw keyturnError('TARGET_CHANGED', { finding });
  const cure = `ACL SETUSER keyturn-system-${system ?? randomUUID()} off, then ACL SAVE, at every endpoint; no other account is named so.`;
  throw keyturnError('PREFLIGHT_FAILED', { secret: work.ctx.secret, finding, cure });
}
