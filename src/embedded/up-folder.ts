import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const descriptorName = 'up.json';
const portName = 'port';

/** How other commands in the same folder find the database of a running `keyturn up`. Holds a password: mode 0600. */
export interface UpDescriptor {
  readonly pid: number;
  readonly databaseUrl: string;
}

/** Tells other commands where the database is. */
export async function writeDescriptor(folder: string, descriptor: UpDescriptor): Promise<void> {
  await writeOwn(join(folder, descriptorName), `${JSON.stringify(descriptor)}\n`);
}

/** *Returns* undefined where nothing is up in this folder. */
export async function readDescriptor(folder: string): Promise<UpDescriptor | undefined> {
  const text = await readFile(join(folder, descriptorName), 'utf8').catch(() => '');
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) return undefined;
    const { pid, databaseUrl } = found as Readonly<Record<string, unknown>>;
    return typeof pid === 'number' && typeof databaseUrl === 'string' ? { pid, databaseUrl } : undefined;
  } catch {
    return undefined;
  }
}

/** *Repeat*: harmless. */
export async function removeDescriptor(folder: string): Promise<void> {
  await rm(join(folder, descriptorName), { force: true });
}

/** The port of the first start, which the configuration and the plans of open rotations name. */
export async function readPort(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, portName), 'utf8').catch(() => '');
  const port = Number.parseInt(text, 10);
  return port > 0 && port < 65_536 ? port : undefined;
}

/** See {@link readPort}. */
export async function writePort(folder: string, port: number): Promise<void> {
  await writeOwn(join(folder, portName), `${port}\n`);
}

/** Whole or not at all, and for us alone. */
async function writeOwn(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
}
