import { access } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSecret } from '../../src/core/secret.js';
import { canary, marker, tallyVariable } from '../support/canary.mjs';
import { eventually } from '../support/eventually.js';
import { Rig } from './rig.js';
import { startStateServer } from './state-server.js';

/** Has a worker print a value, and leave one among the temporary files. */
const leaksOnSignal = new URL('../support/leak-on-signal-process.mjs', import.meta.url).href;

describe('the scan at the end of the process rig', () => {
  it('finds what a worker has printed, what it has left among the temporary files, and what is at any server', {
    timeout: 300_000,
  }, async () => {
    const rig = await Rig.open({
      queue: 'postgres',
      stateServer: await startStateServer(),
      secrets: [{ kind: 'two-role', scenario: 'success' }],
    });
    onTestFinished(async () => rig.close());
    const first = await rig.store.readCurrent(rig.installation.secrets[0]!.id);
    expect(Buffer.from(openSecret(first!.value)).toString()).toContain(marker);
    const worker = await rig.worker({}, rig.process({ NODE_OPTIONS: `--import=${leaksOnSignal}` }));
    worker.signal('SIGUSR2');
    const planted = join(rig.installation.folder, 'worker-1', 'planted');
    await eventually('it has planted both', async () => access(planted).then(() => true), { maxMs: 60_000 });
    for (const [table, url] of [
      ['planted_at_target', rig.targetServer.url('postgres')],
      ['planted_in_state', rig.straight.stateUrl],
    ] as const) {
      const client = new pg.Client(url);
      await client.connect();
      await client.query(`CREATE TABLE public.${table} AS SELECT '${canary()}' AS value`);
      await client.end();
    }
    // What is planted is no hit of this run.
    vi.stubEnv(tallyVariable, undefined);
    onTestFinished(() => void vi.unstubAllEnvs());

    const told = await rig.close().then(
      () => 'nothing',
      (error: unknown) => String(error),
    );

    expect(told).toContain('"sink":"worker-1/stdout"');
    expect(told).toContain('"sink":"worker-1/planted"');
    expect(told).toContain('"sink":"postgres public.planted_at_target"');
    expect(told).toContain('"sink":"keyturn_state public.planted_in_state"');
  });
});
