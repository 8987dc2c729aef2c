/**
 * How long to leave a store alone after so many failures in a row: doubled by each, up to `maxMs`, and by chance up to
 * half of it less, so that processes that failed together do not come back together.
 */
export function backOffMs({ firstMs, maxMs, failures, chance }: BackOff): number {
  return Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (1 - 0.5 * chance);
}

interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** At least 1. */
  readonly failures: number;
  /** In [0, 1). */
  readonly chance: number;
}

/**
 * The names under which AWS's services, and those that speak like them, ask for fewer calls. `TooManyUpdates` is what
 * SSM says of one parameter.
 * https://github.com/smithy-lang/smithy-typescript/blob/main/packages/service-error-classification/src/constants.ts
 */
const throttlings = new Set([
  ...['ThrottlingException', 'Throttling', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
  ...['TooManyRequestsException', 'RequestLimitExceeded', 'SlowDown', 'TooManyUpdates'],
]);

/** True where the store asks for fewer calls, by its name for that or by status 429. */
export function isThrottling(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // Each field is compared below, whatever it is.
  const { status, statusCode, $metadata } = error as Record<string, unknown>;
  return throttlings.has(reasonOf(error)) || status === 429 || statusCode === 429 || statusOf($metadata) === 429;
}

/** The name of an error and nothing else of it: a message may quote the value that could not be parsed. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Error';
  const name = 'name' in error ? error.name : undefined;
  return typeof name === 'string' && /^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name) ? name : 'Error';
}

const statusOf = (metadata: unknown): unknown =>
  typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? metadata.httpStatusCode
    : undefined;
