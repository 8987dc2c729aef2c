/**
 * An error as SSM answers it. The message is public: it names fields and parameters, never a value.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
 */
export class WireError extends Error {
  constructor(
    /** SSM's own: `ParameterNotFound`. */
    readonly type: string,
    message = '',
    /** Of HTTP: 400 for what the caller can mend, 500 for what we must. */
    readonly status: 400 | 404 | 413 | 500 | 503 = 400,
  ) {
    super(message);
  }
}

/** Something of the request is not as SSM wants it. */
export const invalid = (message: string): WireError => new WireError('ValidationException', message);
