import { type Stats, fstatSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { keyturnError } from '../core/errors.js';
import { type Secret, openSecret } from '../core/secret.js';
import type { Terminal } from './doors.js';
import { numberOf } from './number-option.js';
import { openPrivateFile } from './private-file.js';

/** Where a person says that a value is to go. */
export interface OutletOptions {
  readonly out?: string;
  readonly force: boolean;
  readonly fd?: string;
  readonly reveal: boolean;
}

/** Where a value goes. It is found fit before the value is read. */
export interface Outlet {
  /** For people: `the file /run/key`. Null: they see it. */
  readonly name: string | null;
  /** Gives it away, once. *Errors* `VALUE_WITHHELD`. */
  give(value: Secret): Promise<void>;
  /** Nothing will be given: what was prepared goes. *Repeat*: harmless. */
  abandon(): Promise<void>;
}

/**
 * The one outlet of a command. A value goes to a file of its own, to a descriptor that was named, or to a person at a
 * terminal who asks to see it; never to whatever happens to read standard output.
 *
 * *Errors* `USAGE`, `VALUE_WITHHELD`.
 */
export async function outletOf(
  { out, force, fd, reveal }: OutletOptions,
  { terminal, json, command }: { readonly terminal: Terminal; readonly json: boolean; readonly command: string },
): Promise<Outlet> {
  const named = [out, fd, reveal ? true : undefined].filter((each) => each !== undefined).length;
  if (named !== 1) {
    const finding = named === 0 ? 'nothing says where it goes' : 'more than one thing says where it goes';
    const cure = 'Give one of --out FILE, --fd N, or, at a terminal, --reveal.';
    throw keyturnError('VALUE_WITHHELD', { finding, cure });
  }
  if (force && out === undefined) throw usage('--force is for --out FILE', command);
  if (out !== undefined) return fileOutlet(out, force);
  if (json && (reveal || fd === '1')) throw usage('--json writes its document where the value would go', command);
  if (reveal) return personOutlet(terminal);
  return descriptorOutlet(numberOf(fd ?? '', { name: '--fd', min: 1, max: 1023, command }), terminal);
}

async function fileOutlet(path: string, force: boolean): Promise<Outlet> {
  const file = await openPrivateFile(path, { force });
  return { name: `the file ${path}`, give: (value) => file.keep(openSecret(value)), abandon: () => file.discard() };
}

/** A script has no terminal: whoever can read what is shown there is the person who typed it. */
function personOutlet(terminal: Terminal): Outlet {
  if (!terminal.isTerminal(0) || !terminal.isTerminal(1)) {
    throw keyturnError('VALUE_WITHHELD', {
      finding: '--reveal shows it to a person at a terminal, and there is none',
      cure: 'Give --out FILE, or --fd N for a program that reads it.',
    });
  }
  return {
    name: null,
    give: async (value) => {
      const shown = Buffer.concat([openSecret(value), Buffer.from('\n')]);
      if (hasControls(shown.subarray(0, -1))) {
        throw keyturnError('VALUE_WITHHELD', {
          finding: 'it has control characters, which would not be shown but obeyed',
          cure: 'Give --out FILE.',
        });
      }
      await new Promise<void>((resolve) => terminal.stdout.write(shown, () => resolve()));
      shown.fill(0);
    },
    abandon: async () => {},
  };
}

/** Line breaks and tabs are what texts have. From U+0080 to U+009F are controls as well, the 8-bit form of `ESC [` among them. */
const hasControls = (bytes: Uint8Array): boolean =>
  bytes.some(
    (byte, at) =>
      (byte < 32 && byte !== 9 && byte !== 10) ||
      byte === 127 ||
      (byte >= 0x80 && byte <= 0x9f && bytes[at - 1] === 0xc2),
  );

function descriptorOutlet(fd: number, terminal: Terminal): Outlet {
  if (terminal.isTerminal(fd)) {
    throw keyturnError('VALUE_WITHHELD', {
      finding: `descriptor ${fd} is a terminal`,
      cure: 'To see the value there, type --reveal instead of --fd.',
    });
  }
  if (!isReadByOthers(fd)) {
    throw keyturnError('VALUE_WITHHELD', {
      finding: `descriptor ${fd} is not open`,
      cure: `Open it for this command: ${fd}>FILE, or a pipe of the program that reads it.`,
    });
  }
  return {
    name: `descriptor ${fd}`,
    give: async (value) => {
      try {
        await writeAll(fd, openSecret(value));
      } catch (error) {
        const code = codeOf(error);
        throw keyturnError('VALUE_WITHHELD', {
          finding:
            code === 'EPIPE'
              ? `nobody reads descriptor ${fd} any more`
              : `descriptor ${fd} cannot be written to (${code})`,
          cure: 'Open it for writing, and read it to its end.',
        });
      }
    },
    abandon: async () => {},
  };
}

/** The last descriptor that Node opens for itself is well below. */
const ownDescriptors = 64;

/**
 * What Node itself has open (its event loop) is neither file nor pipe, device or socket; or it is a pipe that has both
 * ends here, and what is written there goes to nobody and can bring the process down.
 */
function isReadByOthers(fd: number): boolean {
  const stats = statsOf(fd);
  if (stats === undefined) return false;
  if (stats.isFIFO()) return !hasOtherEnd(fd, stats);
  return stats.isFile() || stats.isSocket() || stats.isCharacterDevice();
}

/** Descriptors 0 to 2 are the caller's: `3>&1` is one pipe twice, and meant so. */
function hasOtherEnd(fd: number, { dev, ino }: Stats): boolean {
  for (let other = 3; other < ownDescriptors; other += 1) {
    const stats = other === fd ? undefined : statsOf(other);
    if (stats?.isFIFO() === true && stats.dev === dev && stats.ino === ino) return true;
  }
  return false;
}

function statsOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

const writeTo = promisify(write);

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await writeTo(fd, bytes, at)).bytesWritten;
    } catch (error) {
      // A pipe that was set not to block is full: whoever reads it makes room.
      if (codeOf(error) !== 'EAGAIN') throw error;
      await delay(10);
    }
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';

const usage = (finding: string, command: string): Error => keyturnError('USAGE', { finding, command });
