import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabelParameterVersionCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { type RunningKeyturn, startKeyturn } from '../cli/keyturn.js';
import { servedStore } from '../ssm-server/served-store.js';
import { canary } from '../support/canary.mjs';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Long enough for a write to be cut in two. */
const longValue = (): string => Array.from({ length: 120 }, canary).join('');

/** Settles at the given change that anybody makes in the folder, counted from now. */
async function change(folder: string, count: number, otherwise: Promise<unknown>): Promise<void> {
  let seen = 0;
  const watcher = watch(folder);
  const counted = new Promise<void>((resolve) => {
    watcher.on('change', () => {
      seen += 1;
      if (seen >= count) resolve();
    });
  });
  await Promise.race([counted, otherwise]);
  watcher.close();
}

test('an agent that is killed at any change it makes leaves the old value or the new one, and goes on from there', async () => {
  const store = await servedStore();
  onTestFinished(() => store.close());
  const [client, key, folder] = [await store.client(), await store.key(), await temporaryFolder()];
  const file = join(folder, 'value');
  // The application takes over what it finds when it is told.
  const told = join(await temporaryFolder(), 'told');
  const env = {
    KEYTURN_STORE_URL: store.serverUrl,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
  };
  const args = ['agent', '--secret', '/app/key', '--file', file, '--exec', `cp {file} ${told}`, '--ttl', '100ms'];
  const start = (): Promise<RunningKeyturn> => startKeyturn(args, { cwd: folder, env }, /Following/);
  const put = async (Value: string): Promise<void> => {
    const { Version } = await client.send(
      new PutParameterCommand({ Name: '/app/key', Value, Type: 'SecureString', Overwrite: true }),
    );
    const label = { Name: '/app/key', ParameterVersion: Version, Labels: ['current'] };
    await client.send(new LabelParameterVersionCommand(label));
  };
  const isTold = (value: string) =>
    eventually('the application has it', async () => (await readFile(told, 'utf8')) === value, { maxMs: 60_000 });

  let old = longValue();
  await put(old);
  let agent = await start();
  await isTold(old);
  for (let at = 1; at <= 8; at += 1) {
    const value = longValue();
    const changed = change(folder, at, isTold(value));
    await put(value);
    await changed;
    process.kill(agent.pid, 'SIGKILL');
    await agent.ended;

    const held = await readFile(file, 'utf8');
    expect([old, value].includes(held)).toBe(true);
    agent = await start();
    await isTold(value);
    expect((await readFile(file, 'utf8')) === value).toBe(true);
    old = value;
  }

  const last = await agent.stop();
  expect(last.code).toBe(0);
}, 240_000);
