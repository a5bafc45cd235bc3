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

/** Those of a request's URL, by the same rule. */
export function paramsOfRequest({ url }: Pick<Request, 'url'>): Params {
  const params = new URL(url).searchParams;
  return { get: (name) => params.getAll(name).at(-1) ?? null };
}
