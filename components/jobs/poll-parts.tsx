'use client';

import {
  type ReactNode,
  createContext,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { ListPage } from './use-polling-rows';

/** Extra data that the list's poll fetches, so that the page sends one request at a time. */
interface PollPart {
  /** Query parameters of the request; null if the data is still fresh. */
  params: () => Record<string, string> | null;
  onData: (data: unknown) => void;
}

interface PollPartRegistry {
  register: (name: string, part: PollPart) => () => void;
  /** The parts that need data, and their query parameters. */
  collect: () => { names: string[]; params: Record<string, string> };
  /** Passes the response's data to the parts. */
  dispatch: (names: string[], response: Record<string, unknown>) => void;
}

const Context = createContext<PollPartRegistry | null>(null);

interface PageStore {
  /** The list's page in the latest response. */
  page: ListPage | null;
  setPage: (page: ListPage) => void;
}

const PageContext = createContext<PageStore | null>(null);

/**
 * Provides the list's poll to other parts of the page. `initial` is the page of the first paint.
 */
export function PollParts({
  initial,
  children,
}: {
  initial: ListPage | null;
  children: ReactNode;
}) {
  const [lastInitial, setLastInitial] = useState(initial);
  const [page, setPage] = useState(initial);
  if (lastInitial !== initial) {
    setLastInitial(initial);
    setPage(initial);
  }
  const store = useMemo(() => ({ page, setPage }), [page]);
  const parts = useRef(new Map<string, PollPart>());
  const value = useMemo<PollPartRegistry>(
    () => ({
      register(name, part) {
        parts.current.set(name, part);
        return () => {
          if (parts.current.get(name) === part) parts.current.delete(name);
        };
      },
      collect() {
        const requested = [...parts.current].flatMap(([name, part]) => {
          const params = part.params();
          return params ? [{ name, params }] : [];
        });
        return {
          names: requested.map(({ name }) => name),
          params: Object.fromEntries(requested.flatMap(({ params }) => Object.entries(params))),
        };
      },
      dispatch(names, response) {
        for (const name of names)
          if (response[name] !== undefined) parts.current.get(name)?.onData(response[name]);
      },
    }),
    [],
  );
  return (
    <Context value={value}>
      <PageContext value={store}>{children}</PageContext>
    </Context>
  );
}

/** The list's page in the latest response; null outside of PollParts or after a timeout. */
export const useCurrentPage = (): ListPage | null => useContext(PageContext)?.page ?? null;

/** Publishes the list's page for `useCurrentPage`. */
export function usePublishPage(page: ListPage): void {
  const setPage = useContext(PageContext)?.setPage;
  useEffect(() => setPage?.(page), [setPage, page]);
}

export const usePollParts = (): PollPartRegistry | null => useContext(Context);

/** Fetches a part of the page together with its list. */
export function usePollPart(name: string, part: PollPart): void {
  const parts = usePollParts();
  const latest = useRef(part);
  useEffect(() => {
    latest.current = part;
  });
  useEffect(
    () =>
      parts?.register(name, {
        params: () => latest.current.params(),
        onData: (data) => latest.current.onData(data),
      }),
    [parts, name],
  );
}
