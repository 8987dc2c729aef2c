import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, type LookupFunction, createServer } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { outbound, refusalOf } from '../../../src/adapters/http/outbound.js';
import { reportFigure } from '../../support/figures.js';

/** How the hosts are written that nobody outside may make us speak to. PORT: of a listener on every address of this machine. */
const spellings = [
  // Loopback, as everybody writes it and as the parsers of URLs and of systems take it.
  '127.0.0.1:PORT',
  '127.0.0.1.:PORT',
  '127.0.0.2:PORT',
  '127.255.255.254:PORT',
  '127.1:PORT',
  '127.0.1:PORT',
  '2130706433:PORT',
  '0x7f000001:PORT',
  '0x7f.1:PORT',
  '0x7f.0x0.0x0.0x1:PORT',
  '017700000001:PORT',
  '0177.0.0.1:PORT',
  '0177.0.0.01:PORT',
  '127.0.0.0x1:PORT',
  '00000177.0.0.1:PORT',
  'localhost:PORT',
  'LOCALHOST:PORT',
  'localhost.:PORT',
  'anything.localhost:PORT',
  // In other signs: full-width, circled, with an ideographic full stop, percent-encoded.
  '１２７.０.０.１:PORT',
  '①②⑦.⓪.⓪.①:PORT',
  '127。0。0。1:PORT',
  '127．0．0．1:PORT',
  '%31%32%37.0.0.1:PORT',
  'ｌｏｃａｌｈｏｓｔ:PORT',
  'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT',
  'local\u00adhost:PORT',
  // Behind something that looks like the host.
  '1.1.1.1@127.0.0.1:PORT',
  '1.1.1.1:443@127.0.0.1:PORT',
  'example.com%2f@127.0.0.1:PORT',
  '127.0.0.1:PORT#@1.1.1.1',
  '127.0.0.1:PORT?@1.1.1.1',
  '127.0.0.1:PORT\\@1.1.1.1',
  '\t127.0.0.1:PORT',
  '127.0.\n0.1:PORT',
  // This host, and no host.
  '0.0.0.0:PORT',
  '0:PORT',
  '0x0:PORT',
  '00000000:PORT',
  // IPv6: loopback, none, IPv4 wrapped in each of its ways.
  '[::1]:PORT',
  '[0:0:0:0:0:0:0:1]:PORT',
  '[0000:0000:0000:0000:0000:0000:0000:0001]:PORT',
  '[::]:PORT',
  '[::ffff:127.0.0.1]:PORT',
  '[::ffff:7f00:1]:PORT',
  '[0:0:0:0:0:ffff:7f00:1]:PORT',
  '[::127.0.0.1]:PORT',
  '[::ffff:0:127.0.0.1]:PORT',
  '[64:ff9b::127.0.0.1]:PORT',
  '[64:ff9b::7f00:1]:PORT',
  '[64:ff9b:1::7f00:1]:PORT',
  '[2002:7f00:1::]:PORT',
  '[2001:0:7f00:1::1]:PORT',
  '[fe80::1]:PORT',
  '[fec0::1]:PORT',
  '[fc00::1]:PORT',
  '[fd12:3456:789a::1]:PORT',
  '[ff02::1]:PORT',
  // Who tells a machine on a cloud its credentials.
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '169.254.43518',
  '169.254.170.2',
  '169.254.169.123',
  '[::ffff:169.254.169.254]',
  '[fd00:ec2::254]',
  '100.100.100.200',
  '192.0.0.192',
  // Private, shared, for measurements, to many, and kept.
  '10.0.0.1',
  '0xa000001',
  '10.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1',
  '100.64.0.1',
  '100.127.255.255',
  '198.18.0.1',
  '198.19.255.255',
  '192.0.0.170',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
];

let port = 0;
let connections = 0;

beforeAll(async () => {
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  // Every address of the machine, of both kinds.
  server.listen(0, '::');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  return () => void server.close();
});

const notPublic = 'its address is not public';
const posting = (url: string) => ({ url, headers: {}, body: '{}', timeoutMs: 5_000 });
const urlOf = (spelling: string): string => `https://${spelling.replace('PORT', String(port))}/hook`;

test('no spelling of an inner address is connected to', async (context) => {
  const send = outbound();

  const sent = await Promise.all(spellings.map(async (each) => ({ each, ...(await send(posting(urlOf(each)))) })));

  expect(sent.filter(({ kind }) => kind !== 'unreachable')).toEqual([]);
  expect(connections).toBe(0);
  reportFigure(context, `spellings of inner addresses: ${spellings.length} tried, ${connections} connections`);
});

test('each is refused for what it is, before anything is sent, but a name that the system does not know', async () => {
  const judged = await Promise.all(spellings.map(async (each) => ({ each, reason: await refusalOf(urlOf(each)) })));

  const unknown = judged.filter(({ reason }) => reason === undefined).map(({ each }) => each);
  // Some systems know these two, and then as loopback.
  expect(unknown.filter((each) => !/localhost\.?:/.test(each))).toEqual([]);
  expect(new Set(judged.map(({ reason }) => reason ?? notPublic))).toEqual(new Set([notPublic]));
});

test('the listener is there: whoever may speak to inner addresses comes to it', async () => {
  await outbound({ allowPrivate: true })(posting(urlOf('127.0.0.1:PORT')));

  expect(connections).toBe(1);
  connections = 0;
});

/** A name server on loopback that answers a public address and an inner one in turn. Counts what it was asked for addresses of IPv4. */
async function rebindingNameServer() {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (query, { port: from, address }) => {
    const end = query.indexOf(0, 12) + 1;
    const isIpv4 = query.readUInt16BE(end) === 1;
    const [header, question] = [Buffer.from(query.subarray(0, 12)), query.subarray(12, end + 4)];
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(isIpv4 ? 1 : 0, 6);
    header.fill(0, 8);
    // A pointer to the question, an address, for nobody to remember.
    const answer = Buffer.from([
      0xc0,
      12,
      0,
      1,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      4,
      ...(asked % 2 === 0 ? [192, 0, 2, 1] : [127, 0, 0, 1]),
    ]);
    if (isIpv4) asked += 1;
    socket.send(Buffer.concat([header, question, ...(isIpv4 ? [answer] : [])]), from, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  const lookup: LookupFunction = (name, _options, callback) => {
    resolver.resolve4(name, (error, addresses = []) => {
      callback(
        error,
        addresses.map((address) => ({ address, family: 4 })),
      );
    });
  };
  return { lookup, asked: () => asked };
}

test('a name that is bound to an inner address after it was looked at is connected to where it was looked at, or nowhere', async () => {
  const { lookup, asked } = await rebindingNameServer();
  // The public address is one that nobody has: what is connected to it waits until it is given up.
  const send = outbound({ lookup });
  const reasons: string[] = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const sent = await send({ ...posting(`https://rebind.example:${port}/hook`), timeoutMs: 300 });
    reasons.push(sent.kind === 'unreachable' ? sent.reason : sent.kind);
  }

  // Once for each: what was judged is what is connected to.
  expect(asked()).toBe(6);
  expect(reasons.filter((_, turn) => turn % 2 === 1)).toEqual(Array(3).fill(notPublic));
  expect(connections).toBe(0);
});
