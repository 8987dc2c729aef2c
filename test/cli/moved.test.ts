import { describe, expect, test } from 'vitest';
import { startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const refused = { code: 1, stderr: expect.stringMatching(/^DATABASE_MOVED: .*keyturn restored/) as string };

/** A workspace whose state database believes that it was begun on another server. */
async function movedWorkspace() {
  const place = await workspace();
  expect(await place.run('status')).toMatchObject({ code: 0 });
  await place.ask('UPDATE keyturn.installation SET system_identifier = system_identifier - 1');
  const worker = () => startKeyturn(['worker', '--health-port', 'off'], place.options, /Working/);
  return { ...place, worker };
}

describe('a state database that was copied', () => {
  test('is refused by whoever looks at it, acts on it or examines it, and nothing is written', async () => {
    const { run, ask, worker } = await movedWorkspace();

    expect(await run('status')).toMatchObject(refused);
    expect(await run('rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test')).toMatchObject(refused);
    await expect(worker()).rejects.toThrow('DATABASE_MOVED');
    expect((await run('doctor')).stdout).toContain('DATABASE_MOVED');

    expect(await ask('SELECT era FROM keyturn.installation')).toEqual([{ era: 1 }]);
    expect(await ask('SELECT secret FROM keyturn.secrets')).toEqual([]);
  }, 120_000);

  test('is worked on once a person has said that the other one is gone', async () => {
    const { run, ask, worker } = await movedWorkspace();

    expect(await run('restored')).toMatchObject({ code: 0, stdout: expect.stringContaining('Era 2 begins') as string });

    expect(await run('status')).toMatchObject({ code: 0, stderr: '' });
    expect((await (await worker()).stop()).code).toBe(0);
    expect(await ask('SELECT secret FROM keyturn.secrets')).toHaveLength(1);
  }, 120_000);
});
