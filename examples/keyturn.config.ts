import { defineConfig, env } from 'keyturn';
import postgres from 'keyturn/rotators/postgres';

const billing = {
  rotator: postgres,
  config: {
    endpoints: [{ host: 'db.internal', port: 5432 }],
    database: 'billing',
    admin: { username: 'keyturn_admin', password: env('BILLING_ADMIN_PASSWORD') },
  },
};
const db = {
  target: 'billing',
  config: { owner: 'billing', logins: ['billing_a', 'billing_b'] },
  schedule: { cron: '0 3 * * 1', timezone: 'Europe/Berlin' },
};
const prod = { targets: { billing }, secrets: { '/prod/billing/db': db } };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { prod } });
