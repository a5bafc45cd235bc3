import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4 } from 'node:net';
import { type IpNetwork, ipv6Network64, parseIpAddress } from '../lib/config/values';

/** Longest chain of proxies; entries further left are ignored. */
const MAX_HOPS = 32;
/** Enough for `[IPv6 address]:port` with spaces around it. */
const MAX_ENTRY_LENGTH = 64;
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5})$/;

export interface ClientAddresses {
  /** The canonical address of the client according to TRUSTED_PROXIES. */
  addressOf(request: IncomingMessage): string;
  /** Whether the request has an `X-Forwarded-For` from a proxy that is not trusted. */
  ignoresForwarded(request: IncomingMessage): boolean;
}

/**
 * Each trusted proxy appends its peer's address to `X-Forwarded-For`, so entries are read from the
 * right up to the first untrusted address. Entries left of it can be forged by the client.
 */
export function createClientAddresses(trustedProxies: readonly IpNetwork[]): ClientAddresses {
  const trusted = new BlockList();
  for (const { address, prefix } of trustedProxies)
    trusted.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
  const isTrusted = (address: string) => trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

  function socketAddress({ socket }: IncomingMessage): string {
    // A link-local address ends with the zone of this machine.
    const [text = ''] = (socket.remoteAddress ?? '').split('%');
    return parseIpAddress(text) ?? '';
  }

  return {
    addressOf(request) {
      let address = socketAddress(request);
      for (const entry of forwardedEntries(request)) {
        if (address === '' || !isTrusted(address)) return address;
        const next = parseEntry(entry);
        // A trusted proxy appended no address, so its own is the last known one.
        if (next === null) return address;
        address = next;
      }
      return address;
    },
    ignoresForwarded(request) {
      const address = socketAddress(request);
      return (
        request.headers['x-forwarded-for'] !== undefined && (address === '' || !isTrusted(address))
      );
    },
  };
}

/** The rate limit key of a client: for IPv6 its /64 network, because a client owns all of it. */
export function rateLimitKey(address: string): string {
  return address.includes(':') ? ipv6Network64(address) : address;
}

/** The entries of `X-Forwarded-For` from right to left. Node joins repeated headers in order. */
function* forwardedEntries({ headers }: IncomingMessage): Generator<string> {
  const header = headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  let end = text.length;
  for (let hop = 0; hop < MAX_HOPS && end > 0; hop += 1) {
    const comma = text.lastIndexOf(',', end - 1);
    const isTooLong = end - comma - 1 > MAX_ENTRY_LENGTH;
    const entry = isTooLong ? '?' : text.slice(comma + 1, end).replace(/^[ \t]+|[ \t]+$/g, '');
    end = comma;
    if (entry !== '') yield entry;
  }
}

/** Some proxies append the port of the connection. */
function parseEntry(entry: string): string | null {
  const [, bracketed, withPort] = WITH_PORT.exec(entry) ?? [];
  if (bracketed !== undefined) return bracketed.includes(':') ? parseIpAddress(bracketed) : null;
  return parseIpAddress(withPort ?? entry);
}
