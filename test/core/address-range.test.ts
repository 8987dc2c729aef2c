import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAddressRange, isInRange } from '../../src/core/address-range.js';

describe('a range of addresses', () => {
  it.each(['10.1.2.3', '10.0.0.0/8', '0.0.0.0/0', '2001:db8::', '2001:db8::/32', '::1', '::ffff:10.0.0.0/104'])(
    'is written as %s',
    (text) => expect(isAddressRange(text)).toBe(true),
  );

  it.each(['', 'web.internal', '10.1.2', '10.1.2.256', '10.1.2.03', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8'])(
    'is not written as %j',
    (text) => expect(isAddressRange(text)).toBe(false),
  );

  it.each([
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::/129',
    '::ffff:10.0.0.0/95',
    '1:2:3:4:5:6:7::8',
    'g::',
  ])('is not written as %j either', (text) => expect(isAddressRange(text)).toBe(false));

  it.each([
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.4', '10.1.2.3', false],
    ['10.1.255.255', '10.1.0.0/16', true],
    ['10.2.0.0', '10.1.0.0/16', false],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['::ffff:10.1.2.3', '10.1.0.0/16', true],
    ['10.1.2.3', '::ffff:10.1.0.0/112', true],
    ['2001:db8:0:1::7', '2001:db8::/32', true],
    ['2001:db9::7', '2001:db8::/32', false],
    ['2001:DB8::7', '2001:db8:0:0:0:0:0:7', true],
    ['::1', '0.0.0.0/0', false],
    ['not an address', '0.0.0.0/0', false],
    ['10.1.2.3', 'not a range', false],
  ])('of %s in %s is %s', (address, range, isIn) => {
    expect(isInRange(address, range)).toBe(isIn);
  });

  it('holds what the block list of Node holds', () => {
    const v4 = fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.constant('ipv4' as const));
    const v6 = fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.constant('ipv6' as const));
    fc.assert(
      fc.property(fc.oneof(v4, v6), ([address, network, bits, family]) => {
        const list = new BlockList();
        list.addSubnet(network, bits, family);
        expect(isInRange(address, `${network}/${bits}`)).toBe(list.check(address, family));
        expect(isInRange(network, `${network}/${bits}`)).toBe(true);
      }),
    );
  });
});
