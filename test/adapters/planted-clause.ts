import type { Edit } from '../support/source-copy.js';

/** A clause of the state database taken away, which a test of the adapters must notice. */
export interface PlantedClause extends Edit {
  readonly name: string;
}

/** Names it, and says in which file which text is replaced by which. */
export const clause = (name: string, file: string, find: string, replace: string): PlantedClause => ({
  name,
  file,
  find,
  replace,
});
