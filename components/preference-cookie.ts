const YEAR_SECONDS = 31_536_000;

/** Stores a preference that the server reads with the next request; null deletes it. */
export function setPreferenceCookie(name: string, value: string | null, basePath: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  const path = basePath || '/';
  const maxAge = value === null ? 0 : YEAR_SECONDS;
  const attributes = `Path=${path}; Max-Age=${maxAge}; SameSite=Lax${secure}`;
  document.cookie = `${name}=${encodeURIComponent(value ?? '')}; ${attributes}`;
}
