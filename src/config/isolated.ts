import { dirname } from 'node:path';
import { z } from 'zod';
import type { Rotator } from '../contract/rotator.js';
import type { Isolation } from '../ports/isolation.js';
import type { Resolved } from './references.js';
import type { ShapedConfig } from './schema.js';
import { shownConfig } from './stored.js';

/** What a process of a rotator may use beside its own package. */
export interface IsolatedInput {
  /** What `keyturn rotator integrity` prints for the package that was reviewed. Another one is refused at start. */
  readonly integrity: string;
  /**
   * Names of environment variables of the worker that its process is given: `['HTTPS_PROXY']`. Never of secrets: those
   * enter by `env(…)` in the target's `config`. Default: none.
   */
  readonly variables?: readonly string[];
  /** Files and folders outside its package that it reads. Relative to the configuration. Default: none. */
  readonly read?: readonly string[];
  /** Files and folders that it writes, and reads. Relative to the configuration. Default: its empty working folder alone. */
  readonly write?: readonly string[];
  /** The heap of its process; the whole process may take 128 MB more. Default 128. */
  readonly maxMemoryMb?: number;
}

/** A rotator that is named and not imported: only a process of its own ever loads it. Made by {@link isolated}. */
export interface Isolated<Module extends RotatorModule = RotatorModule> extends IsolatedInput {
  readonly kind: 'isolated';
  readonly package: string;
  /** Never there: it carries the type of the module. */
  readonly module?: Module;
}

/** A module whose default export is a rotator. */
export interface RotatorModule {
  // A rotator's own type of settings is known to the rotator alone.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly default: Rotator<any>;
}

/**
 * Names a rotator that is not ours: an installed package, or a folder (`./plugins/acme`). It stands where an imported one
 * would: `rotator: isolated<typeof import('acme')>('acme', { integrity: 'sha512-…' })`. The type is only there so that the
 * compiler finds a package that is none; nothing is imported.
 */
export function isolated<Module extends RotatorModule = RotatorModule>(
  name: string,
  input: IsolatedInput,
): Isolated<Module> {
  return { kind: 'isolated', package: name, ...input };
}

const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * They would change what runs in the process, or hand it what is the worker's own. Further authorities of TLS may be needed.
 * The SDK of AWS finds credentials by many names, and by more with each release: of its own only those of places are given.
 */
const withheld =
  /^(NODE_(?!EXTRA_CA_CERTS$)|LD_|DYLD_|KEYTURN_|AWS_(?!(DEFAULT_)?REGION$|ENDPOINT_URL|CA_BUNDLE$|USE_(FIPS|DUALSTACK)_ENDPOINT$))/;

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable')
  .refine((name) => !withheld.test(name), "this one is never given to a rotator's process");

const path = z
  .string()
  .min(1)
  .refine((text) => !text.includes('\0'), 'expected a path');

const unprinted = 'expected what `keyturn rotator integrity` prints for this package: sha512-…';

/** An {@link Isolated} of the right shape, complete. */
export const isolationSchema = z
  .strictObject({
    kind: z.literal('isolated'),
    package: z
      .string()
      .refine(
        (name) => packageName.test(name) || /^\.{0,2}\/[^\0]*$/.test(name),
        'expected the name of a package, or the path of its folder that begins with ./, ../ or /',
      ),
    integrity: z.string(unprinted).regex(/^sha512-[A-Za-z0-9+/]{86}==$/, unprinted),
    variables: z.array(variable).default([]),
    read: z.array(path).default([]),
    write: z.array(path).default([]),
    maxMemoryMb: z.int().min(32).max(4_096).default(128),
  })
  .transform((input): Isolation => {
    const { package: name, integrity, variables, read, write, maxMemoryMb } = input;
    return { package: name, integrity, variables, read, write, maxMemoryMb };
  });

/** True for what {@link isolated} makes, well-formed or not. */
export function isIsolated(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'isolated';
}

/**
 * Makes a rotator of a package without loading it here. `configs` are the settings it will be asked about.
 * *Errors* `ROTATOR_UNFIT`, `ROTATOR_INTEGRITY`.
 */
export type OpenIsolated = (
  isolation: Isolation,
  configs: readonly unknown[],
  where: { readonly from: string },
) => Promise<Rotator>;

/** Rotators by what was written to name them: {@link isolationKey}. */
export type IsolatedRotators = ReadonlyMap<string, Rotator>;

/** The same for the same words: two targets may name one package. */
export function isolationKey(isolation: Isolation): string {
  return JSON.stringify(isolation);
}

/** Opens every isolated rotator a configuration names, each once, with the settings of all its secrets. */
export async function openIsolatedRotators(
  { environments }: ShapedConfig,
  { file, open }: { readonly file: string; readonly open: OpenIsolated },
): Promise<IsolatedRotators> {
  const named = new Map<string, { readonly isolation: Isolation; readonly configs: Resolved[] }>();
  for (const { targets, secrets } of Object.values(environments)) {
    // What a rotator that is opened only here calls its fields is not known yet.
    const fieldsOf = (path: string) => {
      const rotator = targets[secrets[path]?.target ?? '']?.rotator;
      return rotator === undefined || 'package' in rotator ? undefined : rotator.credential;
    };
    for (const [name, { rotator, config }] of Object.entries(targets)) {
      if (!('package' in rotator)) continue;
      const key = isolationKey(rotator);
      const entry = named.get(key) ?? { isolation: rotator, configs: [] };
      named.set(key, entry);
      const own = Object.values(secrets).filter(({ target }) => target === name);
      entry.configs.push(...own.map((secret) => shownConfig({ ...config, ...secret.config }, fieldsOf)));
    }
  }
  const opened = [...named].map(
    async ([key, { isolation, configs }]) => [key, await open(isolation, configs, { from: dirname(file) })] as const,
  );
  return new Map(await Promise.all(opened));
}
