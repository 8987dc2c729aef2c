import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { shippedRotators } from '../../../config/own-doors.js';
import { keyturnError } from '../../../core/errors.js';
import { exit } from '../../output.js';
import type { Register } from '../../program.js';

/** The template: of the sources, or of what was built. */
const template = fileURLToPath(new URL('../../../../scaffold/rotator/', import.meta.url));

interface NewOptions {
  readonly folder?: string;
  readonly keyturn?: string;
}

/** `keyturn rotator new acme` */
export const create: Register = (group, action) =>
  group
    .command('new')
    .description('a folder with a rotator that works, against an example of a service, for you to change')
    .argument('<name>', 'of the rotator: lower case letters, digits and dashes; journals name it, so it stays')
    .option('--folder <folder>', 'where it goes; default: ./NAME')
    .option('--keyturn <package>', 'where its package.json gets Keyturn from; default: this version, from the registry')
    .action(
      action(async ({ doors, output, args: [name = ''] }, command: Command) => {
        const options = command.opts<NewOptions>();
        refuseName(name);
        const folder = resolve(options.folder ?? name);
        await refuseFolder(folder);
        const words = {
          'rotator-name': name,
          'keyturn-range': `^${doors.version}`,
          'keyturn-spec': options.keyturn ?? `^${doors.version}`,
        };
        const made = await copyTemplate(folder, words);
        const shown = relative(process.cwd(), folder) || '.';
        output.answer(
          { name, folder, made },
          [
            `Made a rotator ${name} in ${folder}: it works against the example service that lies beside it.`,
            `  cd ${shown} && npm install`,
            '  npm test         # compiles, and runs the obligations of every rotator',
            '  npm run judge    # the same as a report',
            'README.md there says what to change.',
          ].join('\n'),
        );
        return exit.done;
      }),
    );

function refuseName(name: string): void {
  if (!/^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$/.test(name)) {
    const rule = 'at most 50 lower case letters, digits and dashes, beginning with a letter and not ending with a dash';
    throw usage(`the name ${JSON.stringify(name)} is not ${rule}`);
  }
  if (shippedRotators().has(name)) throw usage(`${name} is the name of a rotator that comes with Keyturn`);
}

/** A folder that is there and empty is as good as none. */
async function refuseFolder(folder: string): Promise<void> {
  let found: readonly string[];
  try {
    found = await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') return;
    throw usage(code === 'ENOTDIR' ? `${folder} is a file` : `the folder ${folder} cannot be read (${code})`);
  }
  if (found.length > 0) throw keyturnError('FOLDER_NOT_EMPTY', { folder });
}

/** *Returns* the files it has made, by their names in the folder. */
async function copyTemplate(folder: string, words: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  const made: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const from = join(entry.parentPath, entry.name);
    const name = nameOf(relative(template, from));
    // All at once: what is put in the place of one word may be another one.
    const text = (await readFile(from, 'utf8')).replaceAll(
      new RegExp(Object.keys(words).join('|'), 'g'),
      (word) => words[word] ?? word,
    );
    await mkdir(dirname(join(folder, name)), { recursive: true });
    // Never over a file that has come meanwhile.
    await writeFile(join(folder, name), text, { flag: 'wx' });
    made.push(name);
  }
  return made.sort();
}

/** In the template what begins with a dot has a line instead, and so have files that tools would take for ours. */
function nameOf(path: string): string {
  const renamed: Readonly<Record<string, string>> = {
    '_package.json': 'package.json',
    '_tsconfig.json': 'tsconfig.json',
  };
  return renamed[path] ?? path.replace(/^_/, '.');
}

const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: 'rotator new' });
