import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Answer, keyturn } from './keyturn.js';

const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const secret = ['--secret', '/demo/db'] as const;
const file = ['--file', 'value'] as const;
const check = ['--check', 'true'] as const;
const challenges = ['--challenges', '127.0.0.1:0', '--env', 'demo'] as const;

async function agent(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  return keyturn(['agent', ...args], { cwd: cwd ?? (await temporaryFolder()), env });
}

function expectRefusal(answer: Answer, finding: RegExp): void {
  expect(answer.stderr).toMatch(/^(USAGE|SETTING_INVALID|SETTING_MISSING): \S.*\. \S.*\n$/);
  expect(answer.stderr).toMatch(finding);
  expect(answer).toMatchObject({ code: 2, stdout: '' });
}

test.each([
  [[...file], /required option '--secret/],
  [[...secret], /--file PATH, or --listen unix:PATH/],
  [['--secret', '/demo/db:current', ...file], /must not say which version/],
  [['--secret', 'a//b', ...file], /the name "a\/\/b" is none/],
  [['--secret', '/a', '/b', ...file], /--file takes one --secret/],
  [[...secret, '--file', ''], /--file is empty/],
  [[...secret, ...file, '--format', 'yaml'], /--format/],
  [[...secret, ...file, '--signal', 'HUP'], /--signal and --pid-file are given together/],
  [[...secret, ...file, '--pid-file', 'x'], /--signal and --pid-file are given together/],
  [[...secret, ...file, '--signal', 'KILL', '--pid-file', 'x'], /--signal takes one of SIGHUP/],
  [[...secret, ...file, '--exec', 'true', '--http-reload', 'http://127.0.0.1/'], /exclude each other/],
  [[...secret, ...file, '--exec', "sh -c 'exit"], /--exec cannot be used: .* a quote in it is not closed/],
  [[...secret, ...file, '--check', ''], /--check cannot be used/],
  [
    [...secret, ...file, '--http-reload', 'http://example.com/'],
    /--http-reload cannot be used: it leaves this machine/,
  ],
  [[...secret, ...file, '--http-reload', 'https://user:hunter2@example.com/'], /it is no such address/],
  [[...secret, ...file, '--http-reload', 'file:///etc/passwd'], /it is no such address/],
  [[...secret, ...file, '--endpoint', 'http://store.internal:4583'], /--endpoint cannot be used: it leaves/],
  [[...secret, ...file, '--ttl', '1ms'], /--ttl takes a duration/],
  [[...secret, ...file, '--stale', 'ever'], /--stale takes a duration/],
  [[...secret, ...file, ...check, '--command-timeout', '0s'], /--command-timeout takes a duration/],
  [[...secret, ...file, ...challenges], /--challenges needs --check/],
  [[...secret, ...file, ...check, '--challenges', '127.0.0.1:0'], /--challenges needs --env/],
  [[...secret, ...file, ...check, '--challenges', '8091', '--env', 'demo'], /--challenges takes HOST:PORT/],
  [[...secret, ...file, ...check, '--challenges', 'localhost:70000', '--env', 'demo'], /--challenges takes HOST:PORT/],
  [[...secret, ...file, ...check, ...challenges, '--instance', 'a b'], /--instance has/],
  [[...secret, ...file, '--env', 'demo'], /--env is for --challenges/],
  [[...secret, ...file, '--canary-check', 'true'], /--canary-check is for --challenges/],
  [[...secret, '--listen', 'unix:x', '--check', 'true'], /--check is for --file/],
  [[...secret, '--listen', 'x'], /--listen takes unix:PATH/],
  [
    [...secret, '--listen', `unix:/tmp/${'x'.repeat(120)}`],
    /--listen cannot be used: a socket’s path|at most 103 bytes/,
  ],
  [[...secret, '--listen', 'unix:x', '--socket-mode', '888'], /--socket-mode takes three octal digits/],
  [[...secret, '--listen', 'unix:x', '--once'], /--once writes a --file/],
  [[...secret, '--file', 'no/such/folder/value'], /--file cannot be used: .* cannot be claimed \(ENOENT\)/],
])('%j is refused by name', async (args, finding) => {
  const answer = await agent(args);

  expectRefusal(answer, finding);
  expect(answer.stderr).not.toContain('hunter2');
});

describe('the key of the consumer', () => {
  const args = [...secret, ...file, ...check, ...challenges];

  test('comes from the environment or a file of ours, and is never shown', async () => {
    const folder = await temporaryFolder();
    const at = join(folder, 'key');
    expectRefusal(await agent(args), /KEYTURN_CONSUMER_KEY is not set/);
    for (const wrong of [key.slice('whsec_'.length), 'whsec_c2hvcnQ=', `${key} hunter2`]) {
      const answer = await agent(args, { KEYTURN_CONSUMER_KEY: wrong });
      expectRefusal(answer, /KEYTURN_CONSUMER_KEY cannot be used: it is not whsec_/);
      expect(answer.stderr).not.toContain(wrong);
    }
    const withFile = [...args, '--key-file', at];
    expectRefusal(await agent(withFile), /--key-file cannot be used: .* cannot be read/);
    await writeFile(at, key, { mode: 0o644 });
    expectRefusal(await agent(withFile), /others can read .*chmod 600/);
    await writeFile(join(folder, 'other'), 'no key', { mode: 0o600 });
    expectRefusal(await agent([...args, '--key-file', join(folder, 'other')]), /--key-file cannot be used: it is not/);
  });
});

test('once says that it has not brought the value, by exit code 1, and leaves the file as it was', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'value'), 'old');
  const env = { KEYTURN_STORE_URL: 'http://127.0.0.1:1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };

  const answer = await agent([...secret, ...file, '--once', '--json'], env, folder);

  expect(answer.code).toBe(1);
  expect(JSON.parse(answer.stdout)).toMatchObject({
    error: { code: 'AGENT_FAILED', sentence: expect.stringMatching(/could not be read/) as string },
  });
  expect(await readFile(join(folder, 'value'), 'utf8')).toBe('old');
  expect((await stat(join(folder, 'value'))).mode & 0o777).toBe(0o600);
});
