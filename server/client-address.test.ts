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

describe('addressOf', () => {
  it('returns the rightmost address that is not in TRUSTED_PROXIES', () => {
    const from = (forwarded: string) => addressOf('10.0.0.0/8, fd00::/8', '10.0.0.1', forwarded);
    expect(from('203.0.113.9')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 203.0.113.9')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 203.0.113.9, 10.0.0.2')).toBe('203.0.113.9');
    expect(from('6.6.6.6,203.0.113.9 ,\tfd00::2, 10.0.0.2')).toBe('203.0.113.9');
    expect(from('6.6.6.6, 2001:DB8::9, 10.0.0.2')).toBe('2001:db8::9');
  });
  it('returns the address of an untrusted socket whatever the header says', () => {
    expect(addressOf('', '127.0.0.1', '203.0.113.9')).toBe('127.0.0.1');
    expect(addressOf('10.0.0.0/8', '192.0.2.1', '203.0.113.9, 10.0.0.2')).toBe('192.0.2.1');
    expect(addressOf('0.0.0.0/0', '2001:db8::1', '203.0.113.9')).toBe('2001:db8::1');
  });
  it('returns the leftmost address if every hop is a trusted proxy', () => {
    expect(addressOf('10.0.0.0/8', '10.0.0.1', '10.0.0.9, 10.0.0.2')).toBe('10.0.0.9');
    expect(addressOf('0.0.0.0/0', '10.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
    expect(addressOf('10.0.0.0/8', '10.0.0.1')).toBe('10.0.0.1');
  });
  it('matches IPv4-mapped addresses with IPv4 networks and vice versa', () => {
    expect(addressOf('127.0.0.1', '::ffff:127.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
    expect(addressOf('::ffff:127.0.0.0/104', '127.0.0.1', '::ffff:203.0.113.9')).toBe(
      '203.0.113.9',
    );
    expect(addressOf('10.0.0.0/8', '10.0.0.1', '6.6.6.6, 203.0.113.9, ::ffff:10.1.1.1')).toBe(
      '203.0.113.9',
    );
  });
  it('accepts X-Forwarded-For entries with a port or in brackets', () => {
    for (const [entry, address] of [
      ['203.0.113.9:4711', '203.0.113.9'],
      ['[2001:db8::9]:4711', '2001:db8::9'],
      ['[2001:db8::9]', '2001:db8::9'],
    ] as const)
      expect(addressOf('127.0.0.1', '127.0.0.1', `6.6.6.6, ${entry}`)).toBe(address);
  });
  it('returns the last proxy if its entry is invalid, never the client’s claim', () => {
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
  it('joins repeated X-Forwarded-For headers in order and skips empty entries', () => {
    expect(addressOf('10.0.0.0/8', '10.0.0.1', ['6.6.6.6', '203.0.113.9, 10.0.0.2'])).toBe(
      '203.0.113.9',
    );
    expect(addressOf('10.0.0.0/8', '10.0.0.1', ',, 203.0.113.9, ,10.0.0.2,,')).toBe('203.0.113.9');
    for (const empty of ['', ',', ' , ,'])
      expect(addressOf('10.0.0.0/8', '10.0.0.1', empty)).toBe('10.0.0.1');
  });
  it('parses an X-Forwarded-For header of any length in bounded time', () => {
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
  it('returns an empty address for a closed socket', () => {
    expect(addressOf('0.0.0.0/0', undefined, '203.0.113.9')).toBe('');
  });
});

it('rateLimitKey groups clients by IPv4 address and by IPv6 /64 network', () => {
  expect(rateLimitKey('203.0.113.9')).toBe('203.0.113.9');
  expect(rateLimitKey('2001:db8:1:2::1')).toBe(rateLimitKey('2001:db8:1:2:ffff:ffff:ffff:ffff'));
  expect(rateLimitKey('2001:db8:1:2::1')).not.toBe(rateLimitKey('2001:db8:1:3::1'));
});
