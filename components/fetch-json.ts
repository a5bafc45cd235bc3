/** GETs one of the console's own polling doors; rejects with the error's code. */
export async function fetchJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(url, { headers: { Accept: 'application/json' }, signal });
  const isOurs = response.headers.get('content-type')?.startsWith('application/json');
  // What signs people in before the console answers for it, with its own page or a way to one.
  if (!isOurs && (response.ok || response.status === 401 || response.status === 403))
    throw new Error('signed_out');
  if (!response.ok)
    throw new Error(
      ((await response.json().catch(() => ({}))) as { error?: string }).error ?? 'unexpected',
    );
  return (await response.json()) as T;
}
