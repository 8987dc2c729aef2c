import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { jobIdOf } from '../../../src/adapters/bullmq/job.js';
import { parseQueueUrl } from '../../../src/adapters/bullmq/queue-url.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a Redis URL is taken apart', () => {
  expect(parseQueueUrl('rediss://some%40one:pass%2Fword@queue.internal:6380/3')).toMatchObject({
    kind: 'redis',
    host: 'queue.internal',
    port: 6380,
    username: 'some@one',
    database: 3,
    tls: true,
  });
});

test('a Redis URL of a host alone has the usual port and database', () => {
  expect(parseQueueUrl('redis://[::1]')).toMatchObject({ host: '::1', port: 6379, database: 0, tls: false });
});

test('a PostgreSQL URL is taken apart', () => {
  expect(parseQueueUrl('postgresql://someone:word@db.internal:5433/keyturn')).toMatchObject({
    kind: 'postgres',
    host: 'db.internal',
    port: 5433,
    user: 'someone',
    database: 'keyturn',
  });
});

test('the certificate of a PostgreSQL elsewhere is verified, by the authorities that are named', async () => {
  const folder = await temporaryFolder();
  const authorities = join(folder, 'authorities.pem');
  await writeFile(authorities, 'the authorities');
  const sslOf = (url: string): unknown => ({ ...parseQueueUrl(url) })['ssl' as never];

  for (const mode of [
    '',
    'sslmode=no-verify',
    'sslmode=require',
    'ssl=no-verify',
    'sslmode=verify-ca&uselibpqcompat=true',
  ]) {
    expect(sslOf(`postgres://db.internal/keyturn?${mode}`), mode).toEqual({ rejectUnauthorized: true });
    expect(sslOf(`postgres://db.internal/keyturn?${mode}&sslrootcert=${authorities}`), mode).toEqual({
      rejectUnauthorized: true,
      ca: 'the authorities',
    });
  }
  expect(sslOf('postgres://db.internal/keyturn?sslmode=disable')).toBe(false);
  expect(sslOf('postgres://127.0.0.1/keyturn')).toBe(false);
  expect(() => parseQueueUrl(`postgres://db.internal/keyturn?sslrootcert=${folder}/none`)).toThrow(
    /^SETTING_INVALID: KEYTURN_QUEUE_URL cannot be used: a file that it names cannot be read/,
  );
});

test.each(['redis://u:planted-password@h', 'postgres://u:planted-password@h/d'])(
  '%s prints without its password',
  (url) => {
    expect(inspect(parseQueueUrl(url), { depth: 20, showHidden: true })).not.toContain('planted-password');
  },
);

test.each([
  '',
  'planted-password',
  'http://u:planted-password@h',
  'redis://u:planted-password@h:port',
  'redis://u:planted-password@h/name',
  'redis://u:%planted-password@h',
  'postgres://u:planted-password@h:port/d',
])('%s is refused without being quoted', (url) => {
  const refused = (): unknown => parseQueueUrl(url);

  expect(refused).toThrow(/^SETTING_INVALID/);
  try {
    refused();
  } catch (error) {
    expect(inspect(error, { depth: 20, showHidden: true }).replace(/\n\s+at .*/g, '')).not.toContain('planted');
  }
});

test('job ids differ wherever their parts differ, and are ids that BullMQ takes', () => {
  const ids = [
    jobIdOf('rotation', 'a', 'b/c'),
    jobIdOf('rotation', 'a/b', 'c'),
    jobIdOf('delivery', 'a', 'b/c'),
    jobIdOf('rotation', 'a:b', 'c'),
    jobIdOf('rotation', '17', '17'),
  ];

  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => id.includes(':') || /^\d+$/.test(id))).toEqual([]);
});
