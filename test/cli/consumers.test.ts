import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keyturn, startKeyturn } from './keyturn.js';
import { workspace } from './workspace.js';

const path = '/demo/billing/db';

/** A workspace whose secret is read by one who must prove and never answers, and by one who need not. */
async function unansweredPlace() {
  const place = await workspace();
  const file = join(place.folder, 'keyturn.config.ts');
  const consumers = `consumers: [
            { name: 'web', owner: 'team-web', url: 'http://127.0.0.1:1/keyturn', cacheTtl: '1s', key: env('CONSUMER_KEY') },
            { name: 'job', required: false },
          ],`;
  const text = (await readFile(file, 'utf8'))
    .replace("poll: '100ms' },", `poll: '100ms', drainMax: '1s' },\n          ${consumers}`)
    .replace('secrets: {', 'allowPrivateAddresses: true,\n      secrets: {');
  await writeFile(file, text);
  const env = { ...place.options.env, CONSUMER_KEY: `whsec_${Buffer.alloc(32, 7).toString('base64')}` };
  const options = { ...place.options, env };
  return { place, options, run: (...args: readonly string[]) => keyturn(args, options) };
}

test('the consumers that are declared are listed', async () => {
  const { run } = await unansweredPlace();

  const listed = await run('consumers', 'list', '--env', 'demo');

  expect(listed.stdout).toMatch(
    /^demo:\/demo\/billing\/db +web +team-web +must prove +1\.00 s +http:\/\/127\.0\.0\.1:1\/keyturn$/m,
  );
  expect(listed.stdout).toMatch(/^demo:\/demo\/billing\/db +job +– +– +is not asked$/m);
  expect(JSON.parse((await run('consumers', 'list', '--json')).stdout)).toMatchObject([
    { consumer: 'web', canary: false, required: true, cacheTtlMs: 1_000 },
    { consumer: 'job', required: false, url: null },
  ]);
  expect((await run('consumers', 'list', '--env', 'nowhere')).stderr).toMatch(/^UNKNOWN_ENVIRONMENT: /);
});

test('a rotation whose consumer never answers parks, and the command in its message lets it end', async () => {
  const { place, options, run } = await unansweredPlace();
  await startKeyturn(['worker', '--health-port', 'off'], options, /Working/);
  expect(await run('rotate', path, '--env', 'demo', '--reason', 'a test', '--wait')).toMatchObject({ code: 3 });
  const [{ id } = { id: '' }] = await place.ask('SELECT rotation_id AS id FROM keyturn.rotations');
  const rotation = String(id);

  const parked = (await run('status', rotation)).stdout;
  expect(parked).toContain('no proof from web');
  const command = new RegExp(`keyturn (consumers waive ${rotation}) web --reason "…"$`, 'm').exec(parked)?.[1];
  const shown = await run('consumers', 'show', rotation);
  expect(shown.stdout).toMatch(/^web +team-web +required +– +unreachable /m);
  expect(shown.stdout).toMatch(/^job +– +– +pending .* it has no address$/m);

  const waive = (command ?? '').split(' ');
  expect((await run(...waive, 'job', '--reason', 'it reads nothing')).stderr).toMatch(
    /^UNKNOWN_CONSUMER: rotation \S+ has no required consumer job\. Name one of: web\./,
  );
  expect((await run(...waive, 'web', '--reason', ' ')).stderr).toMatch(/^USAGE: --reason says why/);
  const waived = await run(...waive, 'web', '--reason', 'it was switched off');
  expect(waived).toMatchObject({
    code: 0,
    stdout: `Once promoted, rotation ${rotation} waits for no proof from web; a refusal still turns it back. It is parked: keyturn resume ${rotation}\n`,
  });
  expect((await run('status', rotation)).stdout).not.toMatch(/web --reason "…"$/m);
  expect((await run('consumers', 'show', rotation)).stdout).toMatch(/ by local:\S+: it was switched off$/m);

  expect(await run('resume', rotation, '--wait')).toMatchObject({ code: 0 });
  expect(
    await place.ask("SELECT facts ->> 'consumer' AS consumer, reason FROM keyturn.audit WHERE action = 'waive'"),
  ).toEqual([{ consumer: 'web', reason: 'it was switched off' }]);
}, 180_000);
