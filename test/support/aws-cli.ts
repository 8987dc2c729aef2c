import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackDebian } from './debian-package.js';

/** How a command of AWS's own command line ended. */
export interface AwsAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whom it speaks to, and with which key. */
export interface AwsPlace {
  readonly url: string;
  readonly key: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Runs `aws ssm …`. Nothing of the machine's own settings for AWS reaches it. */
export type AwsCli = (place: AwsPlace, ...args: readonly string[]) => Promise<AwsAnswer>;

/** What awscli depends on beside the interpreter, and what these depend on. */
const packages = [
  'awscli',
  'python3-awscrt',
  'python3-cffi-backend',
  'python3-colorama',
  'python3-cryptography',
  'python3-dateutil',
  'python3-distro',
  'python3-docutils',
  'python3-idna',
  'python3-jmespath',
  'python3-prompt-toolkit',
  'python3-pyasn1',
  'python3-roman',
  'python3-ruamel.yaml',
  'python3-ruamel.yaml.clib',
  'python3-six',
  'python3-urllib3',
  'python3-wcwidth',
];

/** The interpreter that Debian's packages are made for. */
const python = '/usr/bin/python3';

/** *Returns* why it cannot be had, where it cannot. */
export async function findAwsCli(): Promise<AwsCli | { readonly lacking: string }> {
  const isThere = await access(python).then(
    () => true,
    () => false,
  );
  if (!isThere) return { lacking: `there is no ${python}, which Debian's awscli runs on` };
  const unpacked = await unpackDebian('keyturn-awscli', packages, 'usr/bin/aws');
  if (unpacked.kind === 'unavailable') return { lacking: unpacked.reason };
  const { folder } = unpacked;
  const cli: AwsCli = ({ url, key }, ...args) =>
    run(['-B', join(folder, 'usr/bin/aws'), '--endpoint-url', url, 'ssm', ...args], folder, key);
  const { code, stderr } = await version(folder);
  return code === 0 ? cli : { lacking: `Debian's awscli does not run here: ${stderr.trim().split('\n').at(-1) ?? ''}` };
}

const version = (folder: string): Promise<AwsAnswer> =>
  run(['-B', join(folder, 'usr/bin/aws'), '--version'], folder, { accessKeyId: 'x', secretAccessKey: 'x' });

function run(args: readonly string[], folder: string, key: AwsPlace['key']): Promise<AwsAnswer> {
  const env = {
    PYTHONPATH: join(folder, 'usr/lib/python3/dist-packages'),
    HOME: folder,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_DEFAULT_OUTPUT: 'json',
    AWS_MAX_ATTEMPTS: '1',
    AWS_PAGER: '',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return new Promise((resolve) => {
    execFile(python, [...args], { env, timeout: 120_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
