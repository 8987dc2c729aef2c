import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KnownValue, scanSinks } from '../support/leak-scanner.js';
import { statementsOf, tablesIn } from '../support/postgres-sinks.js';
import { textSink } from '../support/sinks.js';
import { type Answer, keyturn } from './keyturn.js';
import { type Workspace, workspace } from './workspace.js';

/** A workspace whose store commands are told apart from the rest: what they answered is kept for a search. */
export interface StorePlace extends Workspace {
  /** Runs `keyturn store …` in the environment `demo`. */
  readonly store: (...args: readonly string[]) => Promise<Answer>;
  /** Puts a plain parameter from standard input. */
  readonly put: (name: string, value: string, ...args: readonly string[]) => Promise<Answer>;
  /** Rows of the record of accesses, the oldest first. */
  readonly accesses: () => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** The text of a file of the folder. */
  readonly text: (name: string) => Promise<string>;
  /** Where any of these values was found: in what commands said, in the tables and in the statements of the database. */
  readonly leaksOf: (...values: readonly string[]) => Promise<readonly unknown[]>;
}

/** Builds one. */
export async function storePlace(): Promise<StorePlace> {
  const place = await workspace();
  const said: string[] = [];
  const run = async (args: readonly string[], stdin = ''): Promise<Answer> => {
    const answer = await keyturn(args, { ...place.options, stdin });
    said.push(answer.stdout, answer.stderr, args.join(' '));
    return answer;
  };
  const store = (...args: readonly string[]) => run(['store', ...args, '--env', 'demo']);
  return {
    ...place,
    run: (...args) => run(args),
    store,
    put: (name, value, ...args) => run(['store', 'put', name, '--env', 'demo', ...args], value),
    accesses: () =>
      place.ask('SELECT principal, source, action, parameter, version, outcome FROM keyturn.accesses ORDER BY id'),
    text: (name) => readFile(join(place.folder, name), 'utf8'),
    leaksOf: async (...values) => {
      const known = values.map((value, index): KnownValue => ({ name: `value ${index + 1}`, value }));
      const sinks = [
        textSink('what commands said', said.join('\n')),
        tablesIn(place.stateUrl, { catalogue: true }),
        statementsOf(place.stateUrl),
      ];
      const scanned = await scanSinks(known, sinks);
      if (scanned.bytes === 0) throw new Error('nothing was searched');
      return scanned.leaks;
    },
  };
}
