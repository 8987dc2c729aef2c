import { createHash, randomBytes } from 'node:crypto';
import { type Connection, type RotatorContext, Secret, keyturnError, openSecret } from 'keyturn/rotator';
import { type Account, isFrom, readAccounts, tagRule } from './accounts.js';
import { type AdminSession, atEveryEndpoint } from './admin.js';
import { type RedisConfig, identityOf } from './config.js';
import { usageEverywhere } from './live-sessions.js';
import { probeEverywhere, verifyEverywhere } from './login.js';
import { identify, isNeverOurs, preflight } from './preflight.js';
import { refusedEverywhere } from './refused-logins.js';

/** Opens the rotator for one secret. See {@link Connection} for what each member promises. */
export function connect(config: RedisConfig): Connection {
  /** Does the same to one account at every endpoint, and lets the server write it down. */
  const toAccount = async <T>(
    action: string,
    identity: string,
    ctx: RotatorContext,
    act: (account: Account | undefined, session: AdminSession) => Promise<T>,
  ): Promise<readonly T[]> =>
    atEveryEndpoint({ config, action, ctx }, async (session) => {
      const answer = await act((await readAccounts(session)).get(identity), session);
      // Also where nothing was left to change: whoever changed it may have died before this.
      await session.change('ACL', 'SAVE');
      return answer;
    });

  const refuseForeign = ({ name, tag }: Account, { rotationId, secret }: RotatorContext): void => {
    const isOurs = tag === null ? name !== identityOf(config, rotationId) : tag.secret === secret;
    if (!isOurs || isNeverOurs(config, name)) throw keyturnError('NOT_OURS', { identity: name });
  };

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
      // Only the digest travels, and it is all that the server keeps.
      const digest = createHash('sha256').update(openSecret(value)).digest('hex');
      const login = [...config.rules, tagRule({ secret, rotation: rotationId }), `#${digest}`, 'on'];
      await toAccount('create', identity, ctx, async (account, session) => {
        if (account !== undefined && !isFrom(account, rotationId, secret)) {
          throw keyturnError('PRINCIPAL_IN_USE', { principal: identity, cure: `ACL DELUSER ${identity}` });
        }
        await session.change('ACL', 'SETUSER', identity, 'reset', ...login);
      });
      return { identity };
    },

    probe: async (credential, ctx) => probeEverywhere(config, credential, ctx),

    verify: async (credential, ctx) => verifyEverywhere(config, credential, ctx),

    usage: async (identity, ctx) => usageEverywhere(config, identity, ctx),

    refusedLogins: async (identity, mark, ctx) => refusedEverywhere(config, { identity, mark }, ctx),

    raise: async () => {},

    disable: async (identity, ctx) => {
      const ended = await toAccount('disable', identity, ctx, async (account, session) => {
        if (account === undefined) return 0;
        refuseForeign(account, ctx);
        await session.change('ACL', 'SETUSER', identity, 'off');
        // Nobody can open another one, so after this there is none.
        return Number(await session.change('CLIENT', 'KILL', 'USER', identity));
      });
      return { endedSessions: ended.reduce((sum, count) => sum + count, 0) };
    },

    enable: async (identity, ctx) => {
      await toAccount('enable', identity, ctx, async (account, session) => {
        if (account === undefined) return;
        refuseForeign(account, ctx);
        await session.change('ACL', 'SETUSER', identity, 'on');
      });
    },

    destroy: async (identity, { createdBy }, ctx) => {
      await toAccount('destroy', identity, ctx, async (account, session) => {
        if (account === undefined) return;
        refuseForeign(account, ctx);
        if (!isFrom(account, createdBy, ctx.secret)) throw keyturnError('NOT_OURS', { identity });
        // The server ends its sessions with it.
        await session.change('ACL', 'DELUSER', identity);
      });
    },

    list: async (ctx) => {
      const found = await atEveryEndpoint({ config, action: 'list', ctx }, readAccounts);
      const ours = found
        .flatMap((accounts) => [...accounts.values()])
        .flatMap(({ name, tag }) =>
          tag?.secret === ctx.secret ? [[name, { identity: name, rotationId: tag.rotation, live: true }] as const] : [],
        );
      return [...new Map(ours).values()];
    },

    close: async () => {},
  };
}
