import { defineConfig } from 'keyturn';
import signingKey from 'keyturn/rotators/signing-key';

const hooks = { rotator: signingKey, config: { folder: '/srv/webhook-keys', readableBy: 'group' } };
const shop = {
  target: 'hooks',
  config: { name: 'shop' },
  policy: { soak: '1m', grace: '24h', drainMax: '3d' },
};
const prod = { targets: { hooks }, secrets: { '/prod/shop/webhook-key': shop } };
export default defineConfig({ keyring: { file: './keyturn.key' }, environments: { prod } });
