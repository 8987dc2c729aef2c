import type { Command } from 'commander';
import { keyturnError } from '../core/errors.js';
import type { StoreListen } from './doors.js';
import { numberOf } from './number-option.js';

interface StoreOptions {
  readonly storeAddress: string;
  readonly storePort: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly plainHttp: boolean;
}

/** The options that say where the store is served. */
export function withStoreOptions(command: Command, { mayBeOff }: { readonly mayBeOff: boolean }): Command {
  return command
    .option('--store-address <address>', 'where the store listens', '127.0.0.1')
    .option(
      '--store-port <port>',
      `where the store answers as AWS SSM does; 0: any free port${mayBeOff ? '; off: nowhere' : ''}`,
      '4583',
    )
    .option('--tls-cert <file>', 'a certificate in PEM, with --tls-key: the store is served over HTTPS')
    .option('--tls-key <file>', 'the private key of that certificate, in PEM')
    .option('--plain-http', 'no TLS although others could listen in: something in front of it speaks TLS', false);
}

/**
 * Reads them. *Returns* null for `--store-port off`.
 *
 * *Errors* `USAGE`, which names the option.
 */
export function storeListen(command: Command): StoreListen | null {
  const { storeAddress, storePort, tlsCert, tlsKey, plainHttp } = command.opts<StoreOptions>();
  const usage = (finding: string): Error => keyturnError('USAGE', { finding, command: command.name() });
  if (tlsCert === undefined ? tlsKey !== undefined : tlsKey === undefined) {
    throw usage('--tls-cert and --tls-key are given together');
  }
  if (plainHttp && tlsCert !== undefined) throw usage('--plain-http and --tls-cert exclude each other');
  if (storeAddress === '') throw usage('--store-address is empty');
  if (storePort === 'off') return null;
  return {
    address: storeAddress,
    port: numberOf(storePort, { name: '--store-port', min: 0, max: 65_535, command: command.name() }),
    tls: tlsCert === undefined || tlsKey === undefined ? null : { cert: tlsCert, key: tlsKey },
    plain: plainHttp,
  };
}
