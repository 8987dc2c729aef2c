import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorClass, type ErrorCode, catalogue, isUsageError, retiredCodes } from '../src/core/errors.js';

/** The file that holds the tables. */
export const page = fileURLToPath(new URL('../docs/errors.md', import.meta.url));

const begin = '<!-- From here on written by `npm run docs:errors` out of src/core/errors.ts. -->';

interface Section {
  readonly title: string;
  readonly holds: (code: ErrorCode, errorClass: ErrorClass) => boolean;
}

const sections: readonly Section[] = [
  { title: 'Retried later', holds: (code, errorClass) => errorClass === 'retry' && !isUsageError(code) },
  { title: 'Undone or refused', holds: (code, errorClass) => errorClass === 'undo' && !isUsageError(code) },
  { title: 'Parked', holds: (code, errorClass) => errorClass === 'park' && !isUsageError(code) },
  { title: 'Usage: how a command was called or configured', holds: (code) => isUsageError(code) },
];

/** The page with its tables as the catalogue has them now; what stands above them is kept. */
export function withTables(text: string): string {
  const introduction = text.split(begin)[0] ?? '';
  const tables = sections.map(tableOf);
  const retired = retiredCodes.length === 0 ? 'None yet.' : retiredCodes.map((code) => `\`${code}\``).join(', ');
  return `${introduction}${begin}\n\n${tables.join('\n')}\n## Retired codes\n\nNever used again: ${retired}\n`;
}

function tableOf({ title, holds }: Section): string {
  // The keys of the catalogue are its codes; `Object.entries` only knows that they are text.
  const entries = Object.entries(catalogue) as readonly (readonly [ErrorCode, (typeof catalogue)[ErrorCode]])[];
  const rows = entries
    .filter(([code, entry]) => holds(code, entry.class))
    .map(([code, entry]) => `| \`${code}\` | ${entry.class} | ${cell(entry.sentence)} | ${cure(entry.cure)} |`);
  return [`## ${title}`, '', '| code | class | what it says | what to do |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

/** A cure that is one fact alone says what was found: the SQL to run, the setting to change. */
function cure(text: string): string {
  return text === '{cure}' ? 'Do what the message says: it names what to run or to change.' : cell(text);
}

/** Braces name the facts that the message puts in; a vertical bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, withTables(readFileSync(page, 'utf8')));
