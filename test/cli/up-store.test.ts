import { describe, expect, test } from 'vitest';
import { findAwsCli } from '../support/aws-cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { keyturn, startKeyturn } from './keyturn.js';

const found = await findAwsCli();
const isHere = typeof found === 'function';

describe.skipIf(!isHere)(
  `after up and one rotation, Debian's aws CLI${isHere ? '' : ` (skipped: ${found.lacking})`}`,
  () => {
    test('reads name:current, and is refused with a token of another path', { timeout: 600_000 }, async () => {
      if (typeof found !== 'function') return;
      const cwd = await temporaryFolder();
      const up = await startKeyturn(['up', '--health-port', '0', '--store-port', '0'], { cwd }, /Keyturn is up/);
      const url = /^store +(\S+)$/m.exec(up.output().stdout)?.[1] ?? '';
      const token = async (path: string) => {
        const create = ['token', 'create', '--aws', '--env', 'demo', '--path', path, '--allow', 'read', '--json'];
        const made = JSON.parse((await keyturn(create, { cwd })).stdout) as Readonly<Record<string, string>>;
        const key = {
          accessKeyId: made['AWS_ACCESS_KEY_ID'] ?? '',
          secretAccessKey: made['AWS_SECRET_ACCESS_KEY'] ?? '',
        };
        return { url, key };
      };
      const read = ['get-parameter', '--name', '/demo/billing/db:current', '--with-decryption'] as const;
      const [own, other] = [await token('/demo/billing/*'), await token('/demo/bill/*')];

      const rotate = ['rotate', '/demo/billing/db', '--env', 'demo', '--reason', 'a test', '--wait'];
      expect(await keyturn(rotate, { cwd })).toMatchObject({ code: 0 });
      const answered = await found(own, ...read);
      const refused = await found(other, ...read);

      expect(answered).toMatchObject({ code: 0, stderr: '' });
      const { Parameter } = JSON.parse(answered.stdout) as { readonly Parameter: { readonly Value: string } };
      expect(Parameter).toMatchObject({
        Name: '/demo/billing/db',
        Type: 'SecureString',
        Selector: ':current',
        Version: 1,
      });
      expect(Object.keys(JSON.parse(Parameter.Value) as object)).toEqual(
        expect.arrayContaining(['username', 'password']),
      );
      expect(refused).toMatchObject({ code: 254, stdout: '' });
      expect(refused.stderr).toMatch(/\(AccessDeniedException\) when calling the GetParameter operation/);
      expect(await up.stop()).toMatchObject({ code: 0 });
    });
  },
);
