/** The SQLSTATE of a Postgres error, or Node's code of a failed connection. Both are capitals, which our own errors' codes are not. */
export function codeOf(error: unknown): string | undefined {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z_]+$/.test(code) ? code : undefined;
}
