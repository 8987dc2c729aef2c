import { defineConfig, env } from 'keyturn';
import mariadb from 'keyturn/rotators/mariadb';

const databases = {
  rotator: mariadb,
  config: {
    endpoints: [{ host: 'db1.internal' }, { host: 'db2.internal' }],
    admin: { username: 'keyturn_admin', password: env('ORDERS_ADMIN_PASSWORD') },
  },
};
const orders = { target: 'databases', config: { name: 'orders', role: 'orders_app', database: 'orders' } };
const prod = { targets: { databases }, secrets: { '/prod/orders/db': orders } };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { prod } });
