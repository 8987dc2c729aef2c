import pg from 'pg';

/**
 * A pool of a test. It gives sessions back before the server has said goodbye to them, so a server that is stopped, or a
 * database that is dropped, right afterwards ends some of them its own way: without a listener that would end the run.
 */
export function openPool(url: string, sessions: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: sessions });
  pool.on('error', () => undefined);
  return pool;
}
