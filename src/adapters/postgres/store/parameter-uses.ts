import type { ParameterUse, ParameterUses, Reader, UseRecord } from '../../../ports/parameter-use.js';
import { ask, askOne } from './failure.js';
import type { StoreParts } from './versions.js';

/** What gives a value away: by the wire protocol, and by commands. What only lists or puts, or finds nothing, is no read. */
const reads = [
  'GetParameter',
  'GetParameters',
  'GetParametersByPath',
  'GetParameterHistory',
  'exec',
  'store get',
  'store export',
];

interface UseRow extends Omit<ParameterUse, 'readers'> {
  readonly readers: readonly Reader[] | null;
}

/** The record of accesses in the database of the built-in store. */
export function postgresParameterUses(pool: StoreParts['pool']): ParameterUses {
  return {
    below: async (environment, path, windowMs) => {
      const { nowMs, recordedSinceMs } = await askOne<Omit<UseRecord, 'parameters'>>(
        pool,
        `SELECT keyturn.to_ms(clock_timestamp()) AS "nowMs",
                (SELECT keyturn.to_ms(at) FROM keyturn.accesses ORDER BY id LIMIT 1) AS "recordedSinceMs"`,
        [],
      );
      const rows = await ask<UseRow>(pool, usesBelow, [
        environment,
        path === '/' ? '/' : `${path}/`,
        reads,
        nowMs - windowMs,
      ]);
      return { nowMs, recordedSinceMs, parameters: rows.map((row) => ({ ...row, readers: row.readers ?? [] })) };
    },
  };
}

/**
 * Of every parameter of environment $1 below $2: its newest version, its labels, its last read ($3 names what is one) and
 * who has read it since $4. Each is found by the index of accesses by parameter and time.
 */
const usesBelow = `
  SELECT p.path, newest.version, keyturn.to_ms(newest.at) AS "changedAtMs", keyturn.to_ms(oldest.at) AS "sinceMs",
         keyturn.to_ms(last.at) AS "lastReadAtMs",
         (SELECT coalesce(json_agg(json_build_object('label', l.label, 'version', l.version)
                                   ORDER BY l.label COLLATE "C"), '[]')
            FROM keyturn.labels AS l WHERE l.secret = p.parameter AND l.version IS NOT NULL) AS labels,
         (SELECT json_agg(json_build_object('principal', each.principal, 'reads', each.reads,
                                            'lastAtMs', keyturn.to_ms(each.last), 'versions', each.versions)
                          ORDER BY each.last DESC, each.principal)
            FROM (SELECT a.principal, count(*) AS reads, max(a.at) AS last,
                         coalesce(array_agg(DISTINCT a.version) FILTER (WHERE a.version IS NOT NULL), '{}') AS versions
                    FROM keyturn.accesses AS a
                   WHERE a.parameter = p.parameter AND a.at >= to_timestamp($4::double precision / 1000)
                     AND a.outcome = 'done' AND a.version IS NOT NULL AND a.action = ANY ($3::text[])
                   GROUP BY a.principal) AS each) AS readers
    FROM keyturn.parameters AS p
    JOIN LATERAL (SELECT v.version, v.at FROM keyturn.versions AS v
                   WHERE v.secret = p.parameter ORDER BY v.version DESC LIMIT 1) AS newest ON true
    JOIN LATERAL (SELECT v.at FROM keyturn.versions AS v
                   WHERE v.secret = p.parameter ORDER BY v.version LIMIT 1) AS oldest ON true
    LEFT JOIN LATERAL (SELECT a.at FROM keyturn.accesses AS a
                        WHERE a.parameter = p.parameter AND a.outcome = 'done' AND a.version IS NOT NULL
                          AND a.action = ANY ($3::text[])
                        ORDER BY a.at DESC LIMIT 1) AS last ON true
   WHERE p.environment = $1 AND starts_with(p.path, $2)
   ORDER BY p.path`;
