/** A mutant that no test can kill, by the lines it changes, written on one line each. */
export interface Survivor {
  /** Relative to the root: `src/core/decide.ts`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** One that is known, and why nothing could tell it from the original. */
export interface ListedSurvivor extends Survivor {
  readonly why: string;
}

/** The slice we use of Stryker's report: https://github.com/stryker-mutator/mutation-testing-elements/blob/master/packages/report-schema */
export interface MutationReport {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
          readonly replacement?: string;
          readonly location: { readonly start: Position; readonly end: Position };
        }[];
      }
    >
  >;
}

/** Both counted from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

/** The mutants of a report that lived: no test failed, or none ran them. */
export function survivorsOf({ files }: MutationReport): readonly Survivor[] {
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .map(({ replacement = '', location: { start, end } }) => {
        const lines = source.split('\n').slice(start.line - 1, end.line);
        const before = lines[0]?.slice(0, start.column - 1) ?? '';
        const after = lines.at(-1)?.slice(end.column - 1) ?? '';
        return { file, from: onOneLine(lines.join('\n')), to: onOneLine(before + replacement + after) };
      }),
  );
}

/** Text without its line breaks and indentation. */
export function onOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/**
 * Reads the list: a heading for each file, then blocks of the language `diff`, each followed by the reason that holds
 * for every pair of lines in it.
 *
 * *Errors* a `TypeError` where a block has no file, no reason, or a line without its counterpart.
 */
export function readList(page: string): readonly ListedSurvivor[] {
  const sections = page.split(/^## `(.+)`$/m).slice(1);
  if (sections.length === 0 && page.includes('```diff')) throw new TypeError('a block stands under no file');
  return sections.flatMap((file, index) => (index % 2 === 0 ? inSection(file, sections[index + 1] ?? '') : []));
}

function inSection(file: string, text: string): readonly ListedSurvivor[] {
  return [...text.matchAll(/^```diff\n(.*?)\n```$\s*(.*?)(?=^```|(?![\s\S]))/gms)].flatMap(
    ([, block = '', reason = '']) => {
      const why = onOneLine(reason);
      if (why === '') throw new TypeError(`a block of ${file} gives no reason`);
      return pairs(file, block.split('\n'), why);
    },
  );
}

function pairs(file: string, lines: readonly string[], why: string): readonly ListedSurvivor[] {
  const found: ListedSurvivor[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [, from] = /^- (.+)$/.exec(lines[at] ?? '') ?? [];
    // A line that is taken away leaves a plus and nothing after it.
    const [, to] = /^\+ ?(.*)$/.exec(lines[at + 1] ?? '') ?? [];
    if (from === undefined || to === undefined)
      throw new TypeError(`in a block of ${file}, "${lines[at]}" has no counterpart`);
    found.push({ file, from, to, why });
  }
  return found;
}

/** What a run and the list say differently: `unlisted` live and nobody has said why, `dead` are listed and died. */
export function compareSurvivors(
  found: readonly Survivor[],
  listed: readonly Survivor[],
): { readonly unlisted: readonly Survivor[]; readonly dead: readonly Survivor[] } {
  return { unlisted: without(found, listed), dead: without(listed, found) };
}

/** The first list without what the second holds, one for one: the same line may stand in a file twice. */
function without(some: readonly Survivor[], others: readonly Survivor[]): readonly Survivor[] {
  const left = others.map(keyOf);
  return some.filter((each) => {
    const at = left.indexOf(keyOf(each));
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

function keyOf({ file, from, to }: Survivor): string {
  return JSON.stringify([file, from, to]);
}
