import { defineConfig, env } from 'keyturn';
import redis from 'keyturn/rotators/redis';

const cache = {
  rotator: redis,
  config: {
    endpoints: [{ host: 'cache1.internal' }, { host: 'cache2.internal' }],
    admin: { username: 'keyturn_admin', password: env('CACHE_ADMIN_PASSWORD') },
  },
};
const billing = {
  target: 'cache',
  config: { name: 'billing', rules: ['~billing:*', '&billing:*', '+@read', '+@write', '+@connection', '-@dangerous'] },
};
const prod = { targets: { cache }, secrets: { '/prod/billing/cache': billing } };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { prod } });
