/** What `keyturn init` and the first `keyturn up` put into the example. */
export interface ExampleOptions {
  /** Relative to the configuration. */
  readonly keyFile: string;
  /** Where it is to be read: a variable, or a file relative to the configuration. */
  readonly adminPassword: { readonly from: 'env' | 'file'; readonly name: string };
  readonly adminName: string;
  readonly port: number;
  /** Lines of a policy, for those who are watching. Default: that of Keyturn. */
  readonly policy?: string;
}

/** A first configuration: one PostgreSQL, one secret. */
export function exampleConfig({ keyFile, adminPassword, adminName, port, policy }: ExampleOptions): string {
  const key = keyFile.startsWith('.') || keyFile.startsWith('/') ? keyFile : `./${keyFile}`;
  return `import { defineConfig, ${adminPassword.from} } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const billing = {
  rotator: postgres,
  config: {
    endpoints: [{ host: '127.0.0.1', port: ${port} }],
    database: 'billing',
    admin: { username: ${quoted(adminName)}, password: ${adminPassword.from}(${quoted(adminPassword.name)}) },
  },
};
const db = { target: 'billing', config: { owner: 'billing', logins: ['billing_a', 'billing_b'] }${policy === undefined ? '' : `, policy: ${policy}`} };

export default defineConfig({
  keyring: { file: ${quoted(key)} },
  environments: { demo: { targets: { billing }, secrets: { '/demo/billing/db': db } } },
});
`;
}

/** A folder may be called anything, quotes and backslashes included. */
const quoted = (text: string): string => (/^[\w ./@-]*$/.test(text) ? `'${text}'` : JSON.stringify(text));
