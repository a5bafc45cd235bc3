const MAX_LENGTH = 2_000;

/** Where to go after sign-in: a path of this console, and nothing that a browser could read as another place. */
export function safeReturnPath(wanted: string | null, basePath: string): string {
  const home = basePath || '/';
  // A browser takes a backslash for a slash and leaves out tabs and line ends; `//host` is another host.
  if (
    wanted === null ||
    wanted.length > MAX_LENGTH ||
    !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(wanted)
  )
    return home;
  const url = new URL(wanted, 'http://console.invalid');
  const path = url.pathname;
  const inside =
    url.origin === 'http://console.invalid' &&
    (path === basePath || path.startsWith(`${basePath}/`)) &&
    !path.includes('//');
  if (
    !inside ||
    /%2e|%2f|%5c/i.test(path) ||
    path.startsWith(`${basePath}/auth/`) ||
    path.startsWith(`${basePath}/api/`)
  )
    return home;
  return path + url.search;
}

/** The address that signs in and then leads back to `url`; where that is longer than would be taken back, to the start. */
export function withReturnPath(location: string, url: string): string {
  return url.length > MAX_LENGTH ? location : `${location}?return_to=${encodeURIComponent(url)}`;
}
