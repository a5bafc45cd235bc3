import { SocketAddress, isIPv4, isIPv6 } from 'node:net';

/** The longest text of an address: IPv6 with an IPv4 tail. */
const MAX_ADDRESS_LENGTH = 45;
const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/;

/** A network in CIDR notation; a single address has the prefix 32 or 128. */
export interface IpNetwork {
  address: string;
  prefix: number;
}

/**
 * Returns the canonical text of an IPv4 or IPv6 address, IPv4-mapped IPv6 as IPv4; null for any other text: zones,
 * ports, brackets, blanks, leading zeros.
 */
export function parseIpAddress(text: string): string | null {
  if (text.length > MAX_ADDRESS_LENGTH || text.includes('%')) return null;
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED_IPV4.exec(address)?.[1] ?? address;
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address; null for any other text. */
export function parseIpNetwork(text: string): IpNetwork | null {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseIpAddress(addressText);
  if (address === null || rest.length > 0) return null;
  const bits = isIPv4(address) ? 32 : 128;
  if (prefixText === undefined) return { address, prefix: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText)) return null;
  const prefix = Number(prefixText);
  const isMapped = bits === 32 && addressText.includes(':');
  if (!isMapped) return prefix <= bits ? { address, prefix } : null;
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8; a shorter prefix reaches beyond the IPv4 addresses.
  return prefix >= 96 && prefix <= 128 ? { address, prefix: prefix - 96 } : null;
}

/** The /64 network of a canonical IPv6 address: one subscriber can use every address in it. */
export function ipv6Network64(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailGroups = tail === '' ? [] : tail.split(':');
    const tailLength = tailGroups.length + (tail.includes('.') ? 1 : 0);
    const zeros = Math.max(0, 8 - groups.length - tailLength);
    groups.push(...Array.from({ length: zeros }, () => '0'), ...tailGroups);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
