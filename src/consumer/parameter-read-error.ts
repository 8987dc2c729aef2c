/** A value that could not be read. Says which and why, and never holds what `read` threw: `onFailure` is given that. */
export class ParameterReadError extends Error {
  override readonly name = 'ParameterReadError';

  constructor(
    /** Of the parameter. */
    readonly parameter: string,
    /** The name of the error, `TimeoutError`, `IncompleteAnswer` or `ReaderClosed`. */
    readonly reason: string,
  ) {
    super(`parameter ${parameter} could not be read (${reason})`);
  }
}
