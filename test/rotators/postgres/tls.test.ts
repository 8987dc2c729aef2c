import { Secret } from 'keyturn/rotator';
import postgres from 'keyturn/rotators/postgres';
import { expect, onTestFinished, test } from 'vitest';
import { needsTls } from '../../../rotators/postgres/config.js';
import { cert, key } from '../../support/localhost-certificate.js';
import { startTlsFront } from '../../support/tls-front.js';
import { borrowTarget } from './borrowed.js';

async function borrowBehindTls() {
  const target = await borrowTarget({ major: 18, admin: 'superuser' });
  const front = await startTlsFront({ host: '127.0.0.1', port: target.config.endpoints[0]!.port }, { key, cert });
  onTestFinished(front.stop);
  return { ...target, front };
}

test('a server that proves its name by a trusted authority is spoken to', async () => {
  const { open, ctx, front } = await borrowBehindTls();
  const led = open({ endpoints: [{ host: 'localhost', port: front.port, tls: 'verify-full', ca: cert }] });
  const proposal = await led.propose(null, ctx('r1'));
  await led.create(proposal, ctx('r1'));

  expect(await led.verify({ identity: proposal.identity, value: proposal.value! }, ctx('r1'))).toMatchObject([
    { answer: 'accepted' },
  ]);
});

test.each([
  ['an authority nobody trusts', { host: 'localhost', tls: 'verify-full' }],
  ['a certificate for another name', { host: '127.0.0.1', tls: 'verify-full', ca: cert }],
])('a server with %s is refused before a credential is sent', async (_what, endpoint) => {
  const { open, ctx, front, logins } = await borrowBehindTls();
  const led = open({ endpoints: [{ ...endpoint, port: front.port }] });

  await expect(led.raise(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED', class: 'park' });
  const credential = { identity: logins[0], value: Secret.fromText('any-value-at-all') };
  expect(await led.probe(credential, ctx('r1'))).toMatchObject([
    { answer: 'unknown', reason: 'the server did not prove itself by TLS' },
  ]);
});

test('a server without TLS is refused, and nothing is sent in the clear instead', async () => {
  const { open, ctx, config, logins } = await borrowTarget({ major: 18, admin: 'superuser' });
  const led = open({ endpoints: [{ host: '127.0.0.1', port: config.endpoints[0]!.port, tls: 'verify-full' }] });

  await expect(led.raise(ctx('r1'))).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
  const credential = { identity: logins[0], value: Secret.fromText('any-value-at-all') };
  expect(await led.verify(credential, ctx('r1'))).toMatchObject([{ answer: 'unknown' }]);
});

test.each(['db.internal', '10.0.0.1', '::2', '128.0.0.1', 'localhost.example.com', '127.0.0.1.example.com', '0.0.0.0'])(
  '%s must prove itself by TLS, and cannot be configured not to',
  (host) => {
    expect(needsTls({ host, port: 5432 })).toBe(true);
    const parsed = postgres.config.safeParse({
      endpoints: [{ host, tls: 'off-loopback-only' }],
      database: 'app',
      admin: { username: 'admin', password: Secret.fromText('any') },
      owner: 'o',
      logins: ['a', 'b'],
    });

    expect(parsed.error?.issues).toMatchObject([{ path: ['endpoints', 0, 'tls'] }]);
  },
);

test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('%s may be spoken to without TLS', (host) => {
  expect(needsTls({ host, port: 5432 })).toBe(false);
  expect(needsTls({ host, port: 5432, tls: 'verify-full' })).toBe(true);
});
