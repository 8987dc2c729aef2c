/** A parameter with its value as text, to become environment variables. */
export interface NamedValue {
  readonly path: string;
  readonly value: string;
}

/** What parameters give a process. */
export interface Variables {
  readonly variables: Readonly<Record<string, string>>;
  /** By path: the names that this parameter has given. */
  readonly names: readonly { readonly path: string; readonly names: readonly string[] }[];
}

/**
 * Names that decide what runs before the program itself does: whoever may write a parameter must not be able to run a
 * program of their own by it.
 */
const reserved = new RegExp(
  `^(${[
    ...[
      'PATH',
      'HOME',
      'SHELL',
      'IFS',
      'ENV',
      'BASH_ENV',
      'BASH_FUNC.*',
      'SHELLOPTS',
      'PS4',
      'PROMPT_COMMAND',
      'ZDOTDIR',
    ],
    ...['LD_.*', 'DYLD_.*', 'GCONV_PATH', 'GLIBC_TUNABLES', 'GIT_SSH_COMMAND', 'GIT_SSH', 'LESSOPEN'],
    ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME'],
    ...['PERLLIB', 'PERL5LIB', 'PERL5OPT', 'PERL5DB', 'RUBYLIB', 'RUBYOPT', 'LUA_INIT.*', 'PHPRC', 'PHP_INI_SCAN_DIR'],
    ...['CLASSPATH', 'JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA_OPTIONS', 'DOTNET_STARTUP_HOOKS', 'KEYTURN_.*'],
  ].join('|')})$`,
);

/**
 * Names environment variables after parameters, by what stands below `path`: `/prod/billing/smtp/api-key` below
 * `/prod/billing` is `SMTP_API_KEY`. A value that is a JSON object, as a credential is, is given whole under that name,
 * and each text, number and boolean in it once more: `DB_USERNAME`, `DB_PASSWORD`.
 *
 * *Returns* sentences where there is something that cannot be given: two of one name, a name that is reserved, a value
 * with a NUL. None of them holds a value.
 */
export function variablesOf(path: string, values: readonly NamedValue[]): Variables | readonly string[] {
  const problems: string[] = [];
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  const givenBy = new Map<string, string>();
  const names = values.map(({ path: from, value }) => {
    const name = variableNameOf(path, from);
    const given = [{ name, source: from, value }, ...fieldsOf(name, from, value)];
    for (const each of given) {
      const other = givenBy.get(each.name);
      if (other !== undefined) problems.push(`${other} and ${each.source} would both be ${each.name}`);
      else if (reserved.test(each.name)) problems.push(`${each.source} would be ${each.name}, which is reserved`);
      else if (each.value.includes('\0')) problems.push(`${each.source} has a NUL in its value`);
      givenBy.set(each.name, other ?? each.source);
      variables[each.name] = each.value;
    }
    return { path: from, names: given.map((each) => each.name) };
  });
  return problems.length === 0 ? { variables, names } : problems;
}

/** No shell can name a variable that begins with a digit. */
function variableNameOf(path: string, parameter: string): string {
  return spelled(parameter.slice(path === '/' ? 1 : path.length + 1));
}

function spelled(text: string): string {
  const name = text.toUpperCase().replace(/[^A-Z0-9_]/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function fieldsOf(
  name: string,
  path: string,
  value: string,
): readonly { readonly name: string; readonly source: string; readonly value: string }[] {
  return Object.entries(parseObject(value)).flatMap(([field, each]) => {
    const isPlain = typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean';
    const variable = `${name}_${spelled(field).replace(/^_(?=[0-9])/, '')}`;
    return isPlain && field !== '' ? [{ name: variable, source: `a field of ${path}`, value: `${each}` }] : [];
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  if (!/^\s*\{/.test(text)) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
