import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

test('a worker that is told to end while it starts ends in order', async () => {
  const { options, stateUrl, ask } = await workspace();
  const client = new pg.Client(stateUrl);
  await client.connect();
  onTestFinished(() => client.end());
  // What every worker asks first of all, so that it starts for as long as this is held.
  await client.query('BEGIN');
  await client.query('SELECT FROM keyturn.installation FOR UPDATE');
  const starting = await startKeyturn(['worker', '--health-port', 'off'], options, () => true);
  // Not by the client itself: one transaction sees the sessions of one moment only.
  const waiting =
    'SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND datname = current_database()';
  await eventually('the worker waits', async () => (await ask(waiting)).length === 1, { maxMs: 60_000 });

  const stopped = starting.stop();
  await client.query('COMMIT');

  expect(await stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Working/) as string });
}, 120_000);

test('a worker that was told to end is not kept alive by what a library has left open', async () => {
  const { options } = await workspace();
  const leftOpen = { NODE_OPTIONS: '--import data:text/javascript,setInterval(()=>{},1000)' };
  const working = await startKeyturn(
    ['worker', '--health-port', 'off'],
    { ...options, env: { ...options.env, ...leftOpen } },
    /^Working/,
  );

  expect(await working.stop()).toMatchObject({ code: 0 });
}, 120_000);
