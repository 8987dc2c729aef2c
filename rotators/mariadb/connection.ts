import { createHash, randomBytes } from 'node:crypto';
import {
  type Connection,
  type Credential,
  type RotatorContext,
  Secret,
  isKeyturnError,
  keyturnError,
  openSecret,
} from 'keyturn/rotator';
import { type Account, isFrom, named, quoted, readAccount } from './accounts.js';
import { type AdminSession, asAdmin, asLogin } from './admin.js';
import { type MariadbConfig, identityOf, primaryOf } from './config.js';
import { endSessions, usageEverywhere } from './live-sessions.js';
import { probeEverywhere, verifyEverywhere } from './login.js';
import { identify, isNeverOurs, preflight } from './preflight.js';

/** Opens the rotator for one secret. See {@link Connection} for what each member promises. */
export function connect(config: MariadbConfig): Connection {
  const primary = primaryOf(config);

  const toAccount = async (
    action: string,
    identity: string,
    ctx: RotatorContext,
    act: (account: Account, session: AdminSession) => Promise<void>,
  ): Promise<void> =>
    asAdmin(primary, { config, action, ctx }, async (session) =>
      act(await readAccount(session, config, identity), session),
    );

  const refuseForeign = ({ name, tag }: Account, { rotationId, secret }: RotatorContext): void => {
    const isOurs = tag === null ? name !== identityOf(config, rotationId) : tag.secret === secret;
    if (!isOurs || isNeverOurs(config, name)) throw keyturnError('NOT_OURS', { identity: name });
  };

  const setLock = async (action: string, identity: string, lock: string, ctx: RotatorContext): Promise<void> =>
    toAccount(action, identity, ctx, async (account, session) => {
      if (account.hosts.length === 0) return;
      refuseForeign(account, ctx);
      await session.change(`ALTER USER ${named(account)} ACCOUNT ${lock}`);
    });

  return {
    preflight: async (current, ctx) => preflight(config, current?.identity ?? null, ctx),

    identify: async (ctx) => identify({ config, action: 'identify', ctx }),

    propose: async (_current, { rotationId }) => ({
      identity: identityOf(config, rotationId),
      value: Secret.fromText(randomBytes(32).toString('base64url')),
    }),

    create: async ({ identity, value }, ctx) => {
      if (value === undefined) throw keyturnError('VALUE_REJECTED');
      const { rotationId, secret } = ctx;
      await asAdmin(primary, { config, action: 'create', ctx }, async (session) => {
        await takeTurn(session, identity);
        const account = await readAccount(session, config, identity);
        const isThere = account.hosts.length > 0 || account.tag !== null;
        if (isThere && !isFrom(account, rotationId, secret)) {
          const cure = `DROP USER ${named(account)};`;
          throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure });
        }
        // The tag first: what is cut off after it is known to be ours.
        await session.change(`REPLACE INTO ${config.schema}.accounts VALUES (?, ?, ?)`, [identity, secret, rotationId]);
        const who = quoted(identity, config.from);
        const how = `IDENTIFIED VIA mysql_native_password USING '${digestOf(value)}'`;
        await session.change(`CREATE OR REPLACE USER ${who} ${how}`);
        await session.change(`GRANT \`${config.role}\` TO ${who}`);
        await actAsRole({ identity, value }, ctx);
      });
      return { identity };
    },

    probe: async (credential, ctx) => probeEverywhere(config, credential, ctx),

    verify: async (credential, ctx) => verifyEverywhere(config, credential, ctx),

    usage: async (identity, ctx) => usageEverywhere(config, identity, ctx),

    raise: async () => {},

    disable: async (identity, ctx) => {
      await setLock('disable', identity, 'LOCK', ctx);
      return { endedSessions: await endSessions(config, identity, ctx) };
    },

    enable: async (identity, ctx) => setLock('enable', identity, 'UNLOCK', ctx),

    destroy: async (identity, { createdBy }, ctx) => {
      await toAccount('destroy', identity, ctx, async (account, session) => {
        if (account.hosts.length === 0 && account.tag === null) return;
        refuseForeign(account, ctx);
        if (!isFrom(account, createdBy, ctx.secret)) throw keyturnError('NOT_OURS', { identity });
        if (account.hosts.length > 0) await session.change(`DROP USER ${named(account)}`);
        // The tag last: what is cut off before it is still known to be ours.
        await session.change(`DELETE FROM ${config.schema}.accounts WHERE name = ? AND secret = ?`, [
          identity,
          ctx.secret,
        ]);
      });
      // A dropped account keeps the sessions it has.
      await endSessions(config, identity, ctx);
    },

    list: async (ctx) =>
      asAdmin(primary, { config, action: 'list', ctx }, async (session) => {
        const rows = await session.query(
          `SELECT name, rotation, EXISTS (SELECT * FROM mysql.global_priv WHERE BINARY user = name) AS live
             FROM ${config.schema}.accounts WHERE secret = ? ORDER BY name`,
          [ctx.secret],
        );
        return rows.map(({ name, rotation, live }) => ({
          identity: String(name),
          rotationId: String(rotation),
          live: Number(live) === 1,
        }));
      }),

    close: async () => {},
  };

  /** Only the account itself may say what it acts as from its login on; an admin would need to write MariaDB's own tables. */
  async function actAsRole({ identity, value }: Credential, ctx: RotatorContext): Promise<void> {
    try {
      await asLogin(
        { endpoint: primary, username: identity, password: value },
        { config, action: 'create', ctx },
        async (session) => session.change(`SET DEFAULT ROLE \`${config.role}\``),
      );
    } catch (error) {
      if (!isKeyturnError(error) || error.code !== 'ADMIN_REFUSED') throw error;
      const cure = 'Let `from` include the address of Keyturn.';
      throw keyturnError('PRIVILEGE_MISSING', { action: 'the first login of the new account', cure });
    }
  }
}

/** How long a create waits for another one of the same account. Seconds. */
const turnMaxS = 5;

/**
 * Waits until no other session makes this account: made anew, it lacks its role for a moment, and a login in that moment says
 * that a privilege is missing. Who holds its turn for longer is paused, and is not waited for: it is no fence. It ends with the session.
 */
async function takeTurn(session: AdminSession, identity: string): Promise<void> {
  await session.query(`SELECT GET_LOCK(?, ${turnMaxS})`, [`keyturn ${identity}`]);
}

/** What the server keeps of a password: the SHA-1 of its SHA-1. Only this travels in SQL, so no log shows a value. */
function digestOf(value: Secret): string {
  const once = createHash('sha1').update(openSecret(value)).digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}
