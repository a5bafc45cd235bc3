/** An application of the console, as its URLs name it. */
export interface Application {
  /** The `<key>` of the application's pages under `/a/<key>`; null: its pages have plain URLs. */
  key: string | null;
  /** BASE_PATH: empty, or a path without a trailing slash. */
  basePath: string;
  /** APP_LABEL and APP_ENVIRONMENT, such as `shop` and `production`. */
  label: string | null;
  environment: string | null;
  /** APP_COLOR, the environment's colour in the frame. */
  color: string;
}

/**
 * Returns the URL of a page or endpoint of an application, relative to the origin. `path` begins
 * with a slash and may have a query and a fragment. All URLs are made here.
 */
export function href(
  { basePath, key }: Pick<Application, 'basePath' | 'key'>,
  path: string,
): string {
  return key === null ? basePath + path : `${basePath}/a/${encodeURIComponent(key)}${path}`;
}

/** Returns the application's name and environment, such as `shop · production`; null if unset. */
export function applicationName({ label, environment }: Application): string | null {
  return [label, environment].filter((part) => part !== null).join(' · ') || null;
}
