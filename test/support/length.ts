const length = process.env['KEYTURN_TEST_LONG'];

/**
 * True where the parts run that take minutes: `KEYTURN_TEST_LONG=1` adds them to the others, and with `only` the suites
 * that have some run without the suites that have none, because those have run before (`npm run test:all`).
 */
export const isLong = length === '1' || length === 'only';

/** See {@link isLong}. */
export const isOnlyLong = length === 'only';
