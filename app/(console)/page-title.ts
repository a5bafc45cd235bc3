import type { Metadata } from 'next';

/** Parameters of a page about one row. */
export type IdParams = Promise<{ id: string }>;

/** Returns the title of a page about one row: its kind and the beginning of its id. */
export async function titleWithId(kind: string, params: IdParams): Promise<Metadata> {
  return { title: `${kind} ${(await params).id.slice(0, 8)}` };
}
