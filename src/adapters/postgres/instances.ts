import type pg from 'pg';
import type { InstanceNotice, InstanceRegister, Instances, RegisteredInstance } from '../../ports/instances.js';
import { noteDeed } from './deed.js';
import { type Session, inTransaction, rowOf, rowsOf } from './statements.js';

/** How many instances of a consumer may be there at once: each is asked at every look. */
const MOST_INSTANCES = 1_000;

/** And how many names it may have taken within a day, those that are gone among them. */
const MOST_NAMES = 10_000;

/** Who was not heard of for so long is not there, however short sessions may live. Milliseconds. */
const LEAST_MS = 300_000;

/** The instances of consumers in PostgreSQL, for who asks them. */
export function postgresInstances(pool: pg.Pool): Instances {
  return {
    // Each consumer by itself, so that none is pushed out by another; those that are there first.
    registered: async ({ plan: { secret, policy, consumers } }) =>
      rowsOf<RegisteredInstance>(
        pool,
        `SELECT i.consumer, i.instance, i.url, i.left_at IS NOT NULL AS "hasLeft"
         FROM unnest($2::text[]) AS counted (consumer) CROSS JOIN LATERAL (
           SELECT * FROM keyturn.consumer_instances AS own
           WHERE own.secret = $1 AND own.consumer = counted.consumer
             AND own.seen_at > clock_timestamp() - $3 * interval '1 millisecond'
           ORDER BY own.left_at IS NOT NULL, own.left_at DESC, own.instance LIMIT ${2 * MOST_INSTANCES}) AS i
         ORDER BY i.consumer, i.instance`,
        [
          secret,
          consumers.filter(({ instances }) => instances === 'registered').map(({ name }) => name),
          Math.max(policy.maxSessionAgeMs, LEAST_MS),
        ],
      ),
  };
}

/** The same, for who takes their word. */
export function postgresInstanceRegister(pool: pg.Pool): InstanceRegister {
  return {
    nowMs: async () => {
      const row = await rowOf<{ readonly nowMs: number }>(
        pool,
        'SELECT keyturn.to_ms(clock_timestamp()) AS "nowMs"',
        [],
      );
      return row?.nowMs ?? 0;
    },
    note: async (notice) =>
      inTransaction(pool, async (session) => {
        if (!(await lockSecret(session, notice))) return 'unknown';
        const known = await standingOf(session, notice);
        if (known !== undefined && isOlder(notice, known)) return 'stale';
        if (notice.leaves) {
          await leave(session, notice);
          if (known?.isThere === true) await audit(session, notice);
          return 'noted';
        }
        if (known?.isThere !== true && !(await hasRoom(session, notice))) return 'full';
        await come(session, notice);
        if (known?.isThere === true) return 'noted';
        // A guard relies on who is there: one that judged without the new one is asked again.
        await outdate(session, notice);
        await audit(session, notice);
        return 'noted';
      }),
  };
}

interface Standing {
  readonly saidAtS: number;
  readonly isThere: boolean;
}

const keyOf = ({ secret, consumer, instance }: InstanceNotice): readonly string[] => [secret, consumer, instance];

/** The secret's row first, as everywhere: guards are judged under its lock. */
async function lockSecret(session: Session, { secret }: InstanceNotice): Promise<boolean> {
  const found = await rowOf(session, 'SELECT secret FROM keyturn.secrets WHERE secret = $1 FOR NO KEY UPDATE', [
    secret,
  ]);
  return found !== undefined;
}

async function standingOf(session: Session, notice: InstanceNotice): Promise<Standing | undefined> {
  return rowOf<Standing>(
    session,
    `SELECT said_at_s::double precision AS "saidAtS", left_at IS NULL AS "isThere" FROM keyturn.consumer_instances
     WHERE secret = $1 AND consumer = $2 AND instance = $3`,
    keyOf(notice),
  );
}

/** A word of the same second is older than that it goes: it was on its way. */
function isOlder({ saidAtS, leaves }: InstanceNotice, known: Standing): boolean {
  return saidAtS < known.saidAtS || (saidAtS === known.saidAtS && !leaves && !known.isThere);
}

/** What is long gone is forgotten: no word of it can still be on its way. */
async function hasRoom(session: Session, { secret, consumer }: InstanceNotice): Promise<boolean> {
  const row = await rowOf<{ readonly there: number; readonly names: number }>(
    session,
    `WITH forgotten AS (
       DELETE FROM keyturn.consumer_instances WHERE secret = $1 AND consumer = $2
         AND (left_at < clock_timestamp() - interval '1 day' OR seen_at < clock_timestamp() - interval '30 days')
       RETURNING instance)
     SELECT count(*) FILTER (WHERE left_at IS NULL AND seen_at > clock_timestamp() - interval '1 day')::integer AS there,
            count(*)::integer - (SELECT count(*) FROM forgotten)::integer AS names
     FROM keyturn.consumer_instances WHERE secret = $1 AND consumer = $2`,
    [secret, consumer],
  );
  return row === undefined || (row.there < MOST_INSTANCES && row.names < MOST_NAMES);
}

async function come(session: Session, notice: InstanceNotice): Promise<void> {
  await rowsOf(
    session,
    `INSERT INTO keyturn.consumer_instances (secret, consumer, instance, url, said_at_s) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (secret, consumer, instance) DO UPDATE
       SET url = excluded.url, said_at_s = excluded.said_at_s, seen_at = clock_timestamp(), left_at = NULL`,
    [...keyOf(notice), notice.url, notice.saidAtS],
  );
}

async function leave(session: Session, notice: InstanceNotice): Promise<void> {
  await rowsOf(
    session,
    `UPDATE keyturn.consumer_instances SET left_at = coalesce(left_at, clock_timestamp()), said_at_s = $4
     WHERE secret = $1 AND consumer = $2 AND instance = $3`,
    [...keyOf(notice), notice.saidAtS],
  );
}

async function outdate(session: Session, { secret }: InstanceNotice): Promise<void> {
  await rowsOf(session, 'UPDATE keyturn.secrets SET guard_seq = guard_seq + 1 WHERE secret = $1', [secret]);
}

/** Who comes and who goes stands in the trail; that one is still there does not. */
async function audit(session: Session, { secret, consumer, instance, leaves }: InstanceNotice): Promise<void> {
  const environment = secret.slice(0, secret.indexOf(':'));
  const reason = leaves ? 'an instance goes' : 'an instance is there';
  await noteDeed(session, { environment, secret, by: consumer, action: 'instance', reason, facts: { instance } });
}
