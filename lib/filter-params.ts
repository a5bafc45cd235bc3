/** Query parameters as pages and routes both have them. */
export interface Params {
  get(name: string): string | null;
}

/** A parameter whose value could not be read: shown as a chip, and the list is empty, never wider. */
export interface NotUnderstood {
  name: string;
  value: string;
}

/** A page's `searchParams`; of a repeated parameter the last counts, as Rails takes it. */
export function paramsOf(searchParams: Record<string, string | string[] | undefined>): Params {
  return {
    get(name) {
      const value = searchParams[name];
      return (Array.isArray(value) ? value.at(-1) : value) ?? null;
    },
  };
}
