const MAX_LENGTH = 2_000;

/** Returns a path of this console to open after sign-in, never one on another origin. */
export function safeReturnPath(returnTo: string | null, basePath: string): string {
  const defaultPath = basePath || '/';
  // Browsers read a backslash as a slash, skip tabs and line ends, and take `//host` as a host.
  if (
    returnTo === null ||
    returnTo.length > MAX_LENGTH ||
    !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(returnTo)
  )
    return defaultPath;
  const url = new URL(returnTo, 'http://console.invalid');
  const path = url.pathname;
  const isInside =
    url.origin === 'http://console.invalid' &&
    (path === basePath || path.startsWith(`${basePath}/`)) &&
    !path.includes('//');
  if (
    !isInside ||
    /%2e|%2f|%5c/i.test(path) ||
    path.startsWith(`${basePath}/auth/`) ||
    path.startsWith(`${basePath}/api/`)
  )
    return defaultPath;
  return path + url.search;
}

/** Adds `url` as the return path to the sign-in URL, unless it is longer than accepted later. */
export function withReturnPath(location: string, url: string): string {
  return url.length > MAX_LENGTH ? location : `${location}?return_to=${encodeURIComponent(url)}`;
}
