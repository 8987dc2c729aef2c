import { type Connection, type RotatorContext, keyturnError } from 'keyturn/rotator';
import { createAdmin } from './admin.js';
import { changeCure, decideCreate, decideDestroy, decideLogin } from './changes.js';
import { type PostgresConfig, loginsOf, primaryOf, tokenRoleOf } from './config.js';
import { type Change, type Role, noChange, readRole, underFence } from './fence.js';
import { endSessions, usageEverywhere } from './live-sessions.js';
import { probeEverywhere, verifyEverywhere } from './login.js';
import { generatePassword } from './password.js';
import { preflight } from './preflight.js';
import { refusedEverywhere } from './refused-logins.js';
import { scramVerifier } from './scram.js';

/** Opens the rotator for one secret. See {@link Connection} for what each member promises. */
export function connect(config: PostgresConfig): Connection {
  const admin = createAdmin(config);

  const change = async (
    action: string,
    identity: string,
    ctx: RotatorContext,
    decide: (roles: ReadonlyMap<string, Role>, versionNumber: number) => Change,
  ): Promise<void> =>
    underFence({
      config,
      admin,
      ctx,
      action,
      cure: changeCure(config, identity),
      roles: [identity, ...loginsOf(config)],
      decide: (roles, { server }) => decide(roles, server.versionNumber),
    });

  return {
    preflight: async (current, ctx) =>
      preflight(config, admin, { current, next: nextIdentity(config, current?.identity) }, ctx),

    identify: async (ctx) => {
      const work = { action: 'identify', ctx, cure: '' };
      const systems = await Promise.all(
        config.endpoints.map(async (endpoint) => admin.use(endpoint, work, async ({ server }) => server.system)),
      );
      const [system = ''] = systems;
      if (systems.some((other) => other !== system)) {
        const finding = 'its endpoints are different clusters';
        throw keyturnError('TARGET_CHANGED', { finding });
      }
      return { system };
    },

    propose: async (current) => ({
      identity: nextIdentity(config, current?.identity),
      value: generatePassword(config.passwordLength),
    }),

    create: async ({ identity, value }, ctx) => {
      if (value === undefined) throw keyturnError('VALUE_REJECTED');
      const verifier = await scramVerifier(value, config.iterations);
      await change('create', identity, ctx, (roles, versionNumber) =>
        decideCreate(roles, identity, verifier, { config, ctx, versionNumber }),
      );
      return { identity };
    },

    probe: async (credential, ctx) => probeEverywhere(config, admin, credential, ctx),

    verify: async (credential, ctx) => verifyEverywhere(config, credential, ctx),

    usage: async (identity, ctx) => usageEverywhere(config, admin, identity, ctx),

    refusedLogins: async (identity, mark, ctx) => refusedEverywhere({ config, admin }, { identity, mark }, ctx),

    raise: async (ctx) => change('raise', tokenRoleOf(config), ctx, () => noChange),

    disable: async (identity, ctx) => {
      refuseInPlace(config, ctx);
      await change('disable', identity, ctx, (roles, versionNumber) =>
        decideLogin(roles, identity, false, { config, ctx, versionNumber }),
      );
      return { endedSessions: await endSessions(config, admin, identity, ctx) };
    },

    enable: async (identity, ctx) => {
      refuseInPlace(config, ctx);
      await change('enable', identity, ctx, (roles, versionNumber) =>
        decideLogin(roles, identity, true, { config, ctx, versionNumber }),
      );
    },

    destroy: async (identity, provenance, ctx) => {
      let isTombstone = false;
      await change('destroy', identity, ctx, (roles, versionNumber) => {
        const decided = decideDestroy(roles, identity, provenance, { config, ctx, versionNumber });
        isTombstone = decided.tags.has(identity);
        return decided;
      });
      if (isTombstone) await endSessions(config, admin, identity, ctx);
    },

    list: async (ctx) =>
      admin.use(primaryOf(config), { action: 'list', ctx, cure: '' }, async (session) => {
        const { rows } = await session.query(listQuery);
        return rows.map(readRole).flatMap(({ name, found }) => {
          if (found.kind !== 'ours' || found.comment.secret !== ctx.secret || found.comment.rotation === null)
            return [];
          return [{ identity: name, rotationId: found.comment.rotation, live: !found.comment.dead }];
        });
      }),

    close: async () => admin.close(),
  };
}

/** Roles whose comment may be ours; what it says is read by us. */
const listQuery = `
  SELECT rolname, rolcanlogin, comment
    FROM (SELECT rolname, rolcanlogin, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles) AS roles
   WHERE strpos(comment, '"keyturn"') > 0
   ORDER BY rolname`;

/** The login whose turn it is: not the current one. */
function nextIdentity(config: PostgresConfig, current: string | undefined): string {
  const [first = '', second = first] = loginsOf(config);
  return current === first ? second : first;
}

/** In place the old and the new credential are one login: switching the old off would switch the new off. */
function refuseInPlace(config: PostgresConfig, ctx: RotatorContext): void {
  if (config.mode !== 'in-place') return;
  const finding = 'in place the old and the new credential are one login';
  throw keyturnError('UNDO_UNSAFE', { step: ctx.step, secret: ctx.secret, finding });
}
