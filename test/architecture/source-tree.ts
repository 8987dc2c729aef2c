import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** One source file as the rules see it: read from disk, or planted by a test that wants a rule to fail. */
export interface SourceFile {
  /** Relative to the root, with forward slashes: `src/core/retry.ts`. */
  readonly path: string;
  readonly text: string;
}

/** One `import`, `export … from`, `import()`, `import('…')` type or `require()`. */
export interface ImportOf {
  readonly specifier: string;
  /** Erased by the compiler: it binds types together, never running code. */
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/** Every `.ts` file under the named folders, sorted by path. A folder that does not exist yet holds no files. */
export function readSources(...folders: readonly string[]): readonly SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        `${folder}/${name}`.replaceAll('\\', '/'),
      ),
    )
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Calls `visit` for every node of the file, parents first. */
export function walk(file: SourceFile, visit: (node: ts.Node, line: number) => void): void {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  const step = (node: ts.Node): void => {
    visit(node, source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1);
    ts.forEachChild(node, step);
  };
  step(source);
}

/** What the file imports, in every way the language has. A computed `import()` has the specifier `<computed>`. */
export function importsOf(file: SourceFile): readonly ImportOf[] {
  const found: ImportOf[] = [];
  walk(file, (node, line) => {
    if (ts.isImportDeclaration(node)) {
      found.push({ specifier: textOf(node.moduleSpecifier), isTypeOnly: isTypeOnlyClause(node.importClause), line });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      found.push({ specifier: textOf(node.moduleSpecifier), isTypeOnly: node.isTypeOnly, line });
    } else if (ts.isImportTypeNode(node)) {
      const specifier = ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : '<computed>';
      found.push({ specifier, isTypeOnly: true, line });
    } else if (ts.isCallExpression(node) && isDynamicImport(node)) {
      const [argument] = node.arguments;
      found.push({ specifier: argument === undefined ? '<computed>' : textOf(argument), isTypeOnly: false, line });
    }
  });
  return found;
}

const textOf = (node: ts.Node): string => (ts.isStringLiteralLike(node) ? node.text : '<computed>');

const isDynamicImport = (node: ts.CallExpression): boolean =>
  node.expression.kind === ts.SyntaxKind.ImportKeyword ||
  (ts.isIdentifier(node.expression) && node.expression.text === 'require');

function isTypeOnlyClause(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}
