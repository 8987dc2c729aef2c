/** What `keyturn init` and the first `keyturn up` put into the example. */
export interface ExampleOptions {
  /** Relative to the configuration. */
  readonly keyFile: string;
  /** Text of a reference: `env('NAME')` or `file('./path')`. */
  readonly adminPassword: string;
  readonly adminName: string;
  readonly port: number;
  /** Lines of a policy, for those who are watching. Default: that of Keyturn. */
  readonly policy?: string;
}

/** A first configuration: one PostgreSQL, one secret. */
export function exampleConfig({ keyFile, adminPassword, adminName, port, policy }: ExampleOptions): string {
  const maker = /^\w+/.exec(adminPassword)?.[0] ?? 'env';
  return `import { defineConfig, ${maker} } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const billing = {
  rotator: postgres,
  config: {
    endpoints: [{ host: '127.0.0.1', port: ${port} }],
    database: 'billing',
    admin: { username: '${adminName}', password: ${adminPassword} },
  },
};
const db = { target: 'billing', config: { owner: 'billing', logins: ['billing_a', 'billing_b'] }${policy === undefined ? '' : `, policy: ${policy}`} };

export default defineConfig({
  keyring: { file: '${keyFile.startsWith('.') || keyFile.startsWith('/') ? keyFile : `./${keyFile}`}' },
  environments: { demo: { targets: { billing }, secrets: { '/demo/billing/db': db } } },
});
`;
}
