import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readEnv } from '../lib/config/environment';
import { createClientAddresses, rateLimitKey } from './client-address';

const addressesOf = (trusted: string) =>
  createClientAddresses(
    readEnv({ DATABASE_URL: 'postgres://localhost/app', TRUSTED_PROXIES: trusted }).trustedProxies,
  );
const request = (socket: string | undefined, forwarded?: string | string[]) =>
  ({
    socket: { remoteAddress: socket },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;
const addressOf = (trusted: string, socket: string | undefined, forwarded?: string | string[]) =>
  addressesOf(trusted).addressOf(request(socket, forwarded));

describe('the client address', () => {
  it('is the rightmost one that is not in TRUSTED_PROXIES', () => {
    const from = (forwarded: string) => addressOf('10.0.0.0/8, fd00::/8', '10.0.0.1', forwarded);
    expect(from('203.0.113.9')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 203.0.113.9')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 203.0.113.9, 10.0.0.2')).toBe('203.0.113.9');
    expect(from('6.6.6.6,203.0.113.9 ,\tfd00::2, 10.0.0.2')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 2001:DB8::9, 10.0.0.2')).toBe('2001:db8::9');
  });
  it('is the socket’s while TRUSTED_PROXIES does not hold it, whatever the header says', () => {
    expect(addressOf('', '127.0.0.1', '203.0.113.9')).toBe('127.0.0.1');
    expect(addressOf('10.0.0.0/8', '192.0.2.1', '203.0.113.9, 10.0.0.2')).toBe('192.0.2.1');
    expect(addressOf('0.0.0.0/0', '2001:db8::1', '203.0.113.9')).toBe('2001:db8::1');
  });
  it('is the leftmost one where every hop is a trusted proxy', () => {
    expect(addressOf('10.0.0.0/8', '10.0.0.1', '10.0.0.9, 10.0.0.2')).toBe('10.0.0.9');
    expect(addressOf('0.0.0.0/0', '10.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
    expect(addressOf('10.0.0.0/8', '10.0.0.1')).toBe('10.0.0.1');
  });
  it('is found through IPv4-mapped addresses and CIDRs, in both directions', () => {
    expect(addressOf('127.0.0.1', '::ffff:127.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
    expect(addressOf('::ffff:127.0.0.0/104', '127.0.0.1', '::ffff:203.0.113.9')).toBe(
      '203.0.113.9',
    );
    expect(addressOf('10.0.0.0/8', '10.0.0.1', '6.6.6.6, 203.0.113.9, ::ffff:10.1.1.1')).toBe(
      '203.0.113.9',
    );
  });
  it('may come with a port or in brackets', () => {
    for (const [entry, address] of [
      ['203.0.113.9:4711', '203.0.113.9'],
      ['[2001:db8::9]:4711', '2001:db8::9'],
      ['[2001:db8::9]', '2001:db8::9'],
    ] as const)
      expect(addressOf('127.0.0.1', '127.0.0.1', `6.6.6.6, ${entry}`)).toBe(address);
  });
  it('is the last proxy’s where that proxy names none, never the client’s own claim', () => {
    for (const entry of [
      'unknown',
      '_hidden',
      'localhost',
      '203.0.113',
      '203.0.113.9.',
      '203.0.113.256',
      '[203.0.113.9]',
      '[::1',
      '::1]:80',
      '203.0.113.9:port',
      'fe80::1%eth0',
      '"203.0.113.9"',
      'for=203.0.113.9',
      '203.0.113.9;',
      '203.0.113.9 10.0.0.2',
      `x${' '.repeat(100)}203.0.113.9`,
      '\u00a0203.0.113.9',
      '-',
    ])
      expect(addressOf('10.0.0.0/8', '10.0.0.1', `6.6.6.6, ${entry}, 10.0.0.2`), entry).toBe(
        '10.0.0.2',
      );
  });
  it('is read from several header lines in their order, and past empty entries', () => {
    expect(addressOf('10.0.0.0/8', '10.0.0.1', ['6.6.6.6', '203.0.113.9, 10.0.0.2'])).toBe(
      '203.0.113.9',
    );
    expect(addressOf('10.0.0.0/8', '10.0.0.1', ',, 203.0.113.9, ,10.0.0.2,,')).toBe('203.0.113.9');
    for (const empty of ['', ',', ' , ,'])
      expect(addressOf('10.0.0.0/8', '10.0.0.1', empty)).toBe('10.0.0.1');
  });
  it('is found in bounded time in a header of any length', () => {
    const started = performance.now();
    for (const forwarded of [
      '10.0.0.2,'.repeat(7_000),
      ','.repeat(64_000),
      ' '.repeat(64_000),
      `${' '.repeat(64_000)}x`,
      'a'.repeat(64_000),
    ])
      expect(addressOf('10.0.0.0/8', '10.0.0.1', forwarded)).toMatch(/^10\.0\.0\.[12]$/);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
  it('of a closed socket is empty', () => {
    expect(addressOf('0.0.0.0/0', undefined, '203.0.113.9')).toBe('');
  });
});

it('clients are counted by IPv4 address and by IPv6 network of /64', () => {
  expect(rateLimitKey('203.0.113.9')).toBe('203.0.113.9');
  expect(rateLimitKey('2001:db8:1:2::1')).toBe(rateLimitKey('2001:db8:1:2:ffff:ffff:ffff:ffff'));
  expect(rateLimitKey('2001:db8:1:2::1')).not.toBe(rateLimitKey('2001:db8:1:3::1'));
});
