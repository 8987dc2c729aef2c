import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { scramVerifier } from '../../rotators/postgres/scram.js';
import { Secret } from '../../src/core/secret.js';
import { eventually } from '../support/eventually.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { withDatabase } from '../support/test-server.js';
import { findingsAtRest, patienceMs } from './course.js';
import type { Rig } from './rig.js';
import { startStateServer } from './state-server.js';
import { type Stopped, answersAtLast, endsAsPromised, everyState, isLong, stoppedAt } from './surroundings.js';

const appends = everyState.filter(({ effect }) => effect.startsWith('journal.append'));

/** What a superuser does to the server of the state. */
async function asSuperuser(rig: Rig, sql: string): Promise<number> {
  const client = new pg.Client(withDatabase(rig.straight.stateUrl, 'postgres'));
  await client.connect();
  try {
    return (await client.query(sql)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}

/** The same with a proxy between workers and the state. */
async function stoppedBehindProxy(points = everyState): Promise<Stopped & { readonly proxy: TcpProxy }> {
  let proxy: TcpProxy | undefined;
  const stopped = await stoppedAt(points, {
    queue: 'postgres',
    via: async ({ stateUrl }) => {
      const { hostname: host, port } = new URL(stateUrl);
      proxy = await startTcpProxy({ host, port: Number(port) });
      onTestFinished(async () => proxy?.stop());
      return { stateUrl: proxy.url(stateUrl) };
    },
  });
  return { ...stopped, proxy: proxy! };
}

describe('a state database', () => {
  it.skipIf(!isLong)('may end every session in every state of a rotation', { timeout: 600_000 }, async (context) => {
    const stopped = await stoppedAt(everyState, { queue: 'postgres' });
    const ended = await asSuperuser(
      stopped.rig,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = 'keyturn_state' AND pid <> pg_backend_pid()`,
    );
    expect(ended).toBeGreaterThan(0);
    stopped.goOn();
    await endsAsPromised(context, `${ended} sessions of the state database ended in every state`, stopped);
  });

  it('may swallow its answer to any commit: what was appended is found, not appended again', {
    timeout: 600_000,
  }, async (context) => {
    const stopped = await stoppedBehindProxy(appends);
    await stopped.proxy.setMode({ kind: 'cutAfterRequest', match: /keyturn\.append|COMMIT/ });
    stopped.goOn();
    const answers = await answersAtLast(stopped);
    await stopped.proxy.setMode({ kind: 'pass' });
    expect(answers).toEqual(answers.map(() => 'STATE_UNAVAILABLE'));
    expect(stopped.proxy.cuts).toBeGreaterThanOrEqual(answers.length);
    await endsAsPromised(context, `${stopped.proxy.cuts} answers to a commit lost`, stopped);
  });

  it.skipIf(!isLong)(
    'may be silent for longer than a lease: another worker goes on, and the first one has lost',
    {
      timeout: 600_000,
    },
    async (context) => {
      // A folder cannot fence: what arrives there later than the rotator says it can is beyond what it promises.
      const stopped = await stoppedBehindProxy(
        everyState.filter(({ kind, effect }) => kind !== 'random' || !effect.startsWith('target')),
      );
      const { rig, proxy, worker } = stopped;
      const next = rig.process();
      await proxy.setMode({ kind: 'blackHole' });
      await rig.worker({ installation: { ...rig.installation, ...rig.straight } }, next);
      expect(await findingsAtRest(rig, stopped.cases)).toEqual([]);
      const before = worker.said.length;
      stopped.goOn();
      await proxy.setMode({ kind: 'pass' });
      await answersAtLast(stopped);
      const afterwards = worker.said.slice(before).filter(({ kind }) => kind === 'called');
      expect(afterwards).toEqual([]);
      await endsAsPromised(context, 'state database silent for longer than a lease, in every state', stopped);
    },
  );

  it('may be stopped at once and started again in every state', { timeout: 600_000 }, async (context) => {
    const stateServer = await startStateServer();
    const stopped = await stoppedAt(everyState, { queue: 'postgres', stateServer });
    await stateServer.crash();
    stopped.goOn();
    await stateServer.restart();
    await endsAsPromised(context, 'state database stopped at once and started again in every state', stopped);
  });

  it('that refuses rows of the audit trail lets nothing change outside', { timeout: 600_000 }, async (context) => {
    const password = randomBytes(24).toString('base64url');
    const role = 'crash_app';
    const stopped = await stoppedAt(appends, {
      queue: 'redis',
      via: async ({ stateUrl }) => {
        const client = new pg.Client(stateUrl);
        await client.connect();
        await client.query(
          `CREATE ROLE ${role} LOGIN PASSWORD '${await scramVerifier(Secret.fromText(password), 4096)}'`,
        );
        await client.end();
        await migrate(stateUrl, { appRole: role });
        const url = new URL(stateUrl);
        url.username = role;
        url.password = password;
        return { stateUrl: url.href };
      },
    });
    const { rig, worker, cases } = stopped;
    await rig.pool.query(`REVOKE INSERT ON keyturn.audit FROM ${role}`);
    const before = worker.said.length;
    stopped.goOn();
    const called = (): readonly string[] =>
      worker.said.slice(before).flatMap((message) => (message.kind === 'called' ? [message.effect] : []));
    await eventually('each rotation was tried again', () => called().length >= cases.length, { maxMs: patienceMs });
    const answers = await answersAtLast(stopped);
    expect(answers).toContain('STATE_REFUSED');
    // On a busy machine a lease may end while its worker is stopped, or what a guard relies on be too old: nothing is written then.
    expect(answers.filter((answer) => !['STATE_REFUSED', 'lost', 'stale'].includes(answer))).toEqual([]);
    // A fence is raised and a gate asks for what was audited before: both may be repeated, and change no credential.
    expect(called().filter((effect) => /^store|^target(?!\.raise)/.test(effect))).toEqual([]);
    const figure = `${called().length} appends refused without a row in the audit trail, nothing changed outside`;
    await rig.pool.query(`GRANT INSERT ON keyturn.audit TO ${role}`);
    await endsAsPromised(context, figure, stopped);
  });
});
