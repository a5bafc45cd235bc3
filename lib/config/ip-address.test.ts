import { describe, expect, it } from 'vitest';
import { ipv6Network64, parseIpAddress, parseIpNetwork } from './values';

describe('parseIpAddress', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::1', '::1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:0203', '10.1.2.3'],
    ['0:0:0:0:0:ffff:10.1.2.3', '10.1.2.3'],
  ])('parses the IP address %s as %s', (text, address) =>
    expect(parseIpAddress(text)).toBe(address),
  );

  it.each([
    '',
    'unknown',
    '10.1.2',
    '10.1.2.256',
    '010.1.2.3',
    '10.1.2.3:80',
    '[::1]',
    ' 10.1.2.3',
    '10.1.2.3 ',
    'fe80::1%eth0',
    '1::2::3',
    '::ffff:10.1.2.256',
    '0x0a010203',
    'a'.repeat(100_000),
  ])('rejects the IP address %s', (text) => expect(parseIpAddress(text)).toBeNull());
});

describe('parseIpNetwork', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['10.0.0.1', '10.0.0.1', 32],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['fd00::/8', 'fd00::', 8],
    ['::1', '::1', 128],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
  ])('parses the IP network %s', (text, address, prefix) =>
    expect(parseIpNetwork(text)).toEqual({ address, prefix }),
  );

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'fd00::/129',
    '::ffff:10.0.0.0/8',
    'proxy.internal',
    '/8',
    '*',
    '10.0.0.0-10.0.0.9',
  ])('rejects the IP network %s', (text) => expect(parseIpNetwork(text)).toBeNull());
});

describe('ipv6Network64', () => {
  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ['64:ff9b::10.1.2.3', '64:ff9b:0:0::/64'],
  ])('returns the /64 network of %s as %s', (address, network) =>
    expect(ipv6Network64(address)).toBe(network),
  );
});
