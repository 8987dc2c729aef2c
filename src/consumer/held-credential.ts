/** A credential as the store holds it. Printing one shows its version and nothing else. */
export class HeldCredential {
  readonly #fields: ReadonlyMap<string, string>;

  private constructor(
    readonly version: number,
    fields: ReadonlyMap<string, string>,
  ) {
    this.#fields = fields;
  }

  /** *Returns* undefined where the text is no JSON object with at least one text in it. */
  static parse(text: string, version: number): HeldCredential | undefined {
    const fields = textsOf(text);
    return fields.size === 0 ? undefined : new HeldCredential(version, fields);
  }

  /** A field by its name: `username`, `password`. *Errors*: `RangeError`, which names those there are. */
  get(field: string): string {
    const value = this.#fields.get(field);
    if (value === undefined)
      throw new RangeError(`a credential has ${[...this.#fields.keys()].join(', ')}, not ${field}`);
    return value;
  }
}

function textsOf(text: string): ReadonlyMap<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Its message would quote the value.
    return new Map();
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return new Map();
  return new Map(Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
