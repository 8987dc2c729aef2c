import pg from 'pg';
import { eventually } from './eventually.js';

/** Empties tables at once. Workers take the same locks in another order: who is picked to end a deadlock tries again. */
export async function truncate(on: pg.Pool | pg.Client, tables: readonly string[]): Promise<void> {
  await eventually(
    'the tables are empty',
    async () => {
      try {
        await on.query(`TRUNCATE ${tables.join(', ')}`);
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === '40P01') return false;
        throw error;
      }
      return true;
    },
    { maxMs: 60_000 },
  );
}
