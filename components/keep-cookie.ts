const YEAR_S = 31_536_000;

/** Keeps a viewer's choice where the server sees it with the next request; null forgets it. */
export function keepCookie(name: string, value: string | null, basePath: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${name}=${encodeURIComponent(value ?? '')}; Path=${basePath || '/'}; Max-Age=${value === null ? 0 : YEAR_S}; SameSite=Lax${secure}`;
}
