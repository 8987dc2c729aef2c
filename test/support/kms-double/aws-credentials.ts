import { afterAll, beforeAll } from 'vitest';
import { givenEndpoint } from './kms-under-test.js';

/** Where the SDK's default chain looks first. */
const variables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

/** What the child processes of a test need to speak to the double. */
export const doubleCredentials = {
  AWS_ACCESS_KEY_ID: 'AKIAEXAMPLEEXAMPLE00',
  AWS_SECRET_ACCESS_KEY: 'any-signature-is-taken-by-the-double',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
} as const;

/** Gives the tests of a file credentials for the double, and takes them away again. An endpoint that was given has its own. */
export function useDoubleCredentials(): void {
  const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
  if (givenEndpoint !== undefined) return;
  beforeAll(() => {
    Object.assign(process.env, doubleCredentials);
    delete process.env['AWS_SESSION_TOKEN'];
  });
  afterAll(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}
