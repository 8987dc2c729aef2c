import { BlockList, isIP } from 'node:net';

/** What no request of ours may reach unless it is allowed to: loopback, private, link-local and other inner ranges. */
const inner = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  inner.addSubnet(network, bits, 'ipv4');
}
/** The IPv6 addresses that are given out to anybody. Whatever lies outside is inner. */
const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');
/** Inside of those: Teredo and 6to4, which lead to an IPv4 address that is not looked at. */
const tunnels6 = new BlockList();
tunnels6.addSubnet('2001::', 32, 'ipv6');
tunnels6.addSubnet('2002::', 16, 'ipv6');

/**
 * True for an address on the public internet. Texts that are no address are not.
 *
 * IPv6 addresses that wrap an IPv4 one (mapped, NAT64) are outside `2000::/3` and so never public.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !inner.check(address, 'ipv4');
    case 6:
      return global6.check(address, 'ipv6') && !tunnels6.check(address, 'ipv6');
    default:
      return false;
  }
}
