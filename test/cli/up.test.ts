import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn, startKeyturn } from './keyturn.js';

const rotation = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test'] as const;

test('in an empty folder up makes everything, other commands find it, and it comes back as it was', async () => {
  const cwd = await temporaryFolder();
  const up = ['up', '--health-port', '0', '--store-port', 'off'] as const;
  const first = await startKeyturn(up, { cwd }, /Keyturn is up/);
  const healthUrl = /health +(\S+)/.exec(first.output().stdout)?.[1] ?? '';

  const doctor = await keyturn(['doctor'], { cwd });
  const rotated = await keyturn([...rotation, '--json'], { cwd });
  const { rotationId } = JSON.parse(rotated.stdout) as { rotationId: string };
  const followed = await keyturn(['follow', rotationId.slice(0, -2), '--json'], { cwd });
  const ready = await fetch(`${healthUrl}/readyz`);

  expect(doctor).toMatchObject({ code: 0, stderr: '' });
  expect(followed.code).toBe(0);
  const events = followed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly seq: number; readonly event: { readonly kind: string } });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(0)?.event.kind).toBe('RotationRequested');
  expect(events.at(-1)?.event).toEqual({ kind: 'RotationClosed', status: 'completed' });
  expect(ready.status).toBe(200);
  expect(statSync(join(cwd, '.keyturn', 'up.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(cwd, 'keyturn.key')).mode & 0o777).toBe(0o600);

  const stopped = await first.stop();
  expect(stopped).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/Stopped\. Everything is kept in \.\/\.keyturn\n$/) as string,
  });
  expect(existsSync(join(cwd, '.keyturn', 'up.json'))).toBe(false);
  expect((await keyturn(['status'], { cwd })).stderr).toMatch(/^SETTING_MISSING: .*keyturn up/);

  const second = await startKeyturn(up, { cwd }, /Keyturn is up/);
  expect(second.output().stdout).not.toMatch(/^made /m);
  const again = await keyturn([...rotation, '--wait'], { cwd });
  const history = await keyturn(['history', '/demo/billing/db', '--env', 'demo', '--json'], { cwd });
  expect(again.code).toBe(0);
  expect(JSON.parse(history.stdout)).toMatchObject([{ status: 'completed' }, { status: 'completed' }]);
}, 180_000);

test('a configuration that is refused, or is not where it was named, leaves nothing behind', async () => {
  const cwd = await temporaryFolder();
  writeFileSync(join(cwd, 'keyturn.config.ts'), 'export default { environments: 7 };');
  const up = ['up', '--health-port', '0', '--store-port', 'off'] as const;

  const refused = await keyturn(up, { cwd });
  const missing = await keyturn([...up, '--config', 'elsewhere.ts'], { cwd });

  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/^CONFIG_INVALID: /) });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringMatching(/^CONFIG_MISSING: .*elsewhere\.ts/) });
  expect(readdirSync(cwd)).toEqual(['keyturn.config.ts']);
}, 180_000);

test('up ends when its PostgreSQL does, names the log, and can be started again', async () => {
  const cwd = await temporaryFolder();
  const up = ['up', '--health-port', '0', '--store-port', 'off'] as const;
  const first = await startKeyturn(up, { cwd }, /Keyturn is up/);

  process.kill(
    Number(readFileSync(join(cwd, '.keyturn', 'cluster', 'postmaster.pid'), 'utf8').split('\n', 1)[0]),
    'SIGKILL',
  );
  const ended = await first.ended;

  expect(ended.stderr).toMatch(/^EMBEDDED_POSTGRES_FAILED: .*it ended.*server\.log/m);
  expect(ended.code).toBe(1);
  expect(existsSync(join(cwd, '.keyturn', 'up.json'))).toBe(false);
  const second = await startKeyturn(up, { cwd }, /Keyturn is up/);
  expect((await second.stop()).code).toBe(0);
}, 180_000);

test('up that is told to end while it starts ends in order', async () => {
  const cwd = await temporaryFolder();
  const cluster = join(cwd, '.keyturn', 'cluster');
  const starting = await startKeyturn(['up', '--health-port', '0', '--store-port', 'off'], { cwd }, () =>
    existsSync(cluster),
  );

  const { code, stderr } = await starting.stop();

  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('FAILED') as string });
  expect(existsSync(join(cluster, 'postmaster.pid'))).toBe(false);
}, 180_000);
