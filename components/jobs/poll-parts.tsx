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
import type { ListPage } from './use-live-rows';

/** What else than the list a refresh may bring along, so that a page makes one request at a time. */
interface Part {
  /** Of the door's query; null: not now. */
  ask: () => Record<string, string> | null;
  take: (answer: unknown) => void;
}

interface Parts {
  register: (name: string, part: Part) => () => void;
  /** The query parameters for all that is due. */
  due: () => { names: string[]; params: Record<string, string> };
  /** Hands an answer's parts to those who asked. */
  give: (names: string[], answer: Record<string, unknown>) => void;
}

const Context = createContext<Parts | null>(null);

interface Listed {
  /** The list's page as the server answered it last. */
  page: ListPage | null;
  setPage: (page: ListPage) => void;
}

const ListedContext = createContext<Listed | null>(null);

/** Around a list and what is refreshed with it. `initial`: the page of the first paint. */
export function PollParts({
  initial,
  children,
}: {
  initial: ListPage | null;
  children: ReactNode;
}) {
  const [first, setFirst] = useState(initial);
  const [page, setPage] = useState(initial);
  if (first !== initial) {
    setFirst(initial);
    setPage(initial);
  }
  const listed = useMemo(() => ({ page, setPage }), [page]);
  const parts = useRef(new Map<string, Part>());
  const value = useMemo<Parts>(
    () => ({
      register(name, part) {
        parts.current.set(name, part);
        return () => void (parts.current.get(name) === part && parts.current.delete(name));
      },
      due() {
        const asked = [...parts.current].flatMap(([name, part]) => {
          const params = part.ask();
          return params ? [{ name, params }] : [];
        });
        return {
          names: asked.map(({ name }) => name),
          params: Object.assign({}, ...asked.map(({ params }) => params)) as Record<string, string>,
        };
      },
      give(names, answer) {
        for (const name of names)
          if (answer[name] !== undefined) parts.current.get(name)?.take(answer[name]);
      },
    }),
    [],
  );
  return (
    <Context value={value}>
      <ListedContext value={listed}>{children}</ListedContext>
    </Context>
  );
}

/** The list's page as the server answered it last; null outside of PollParts, or where it was not read in time. */
export const useListedPage = (): ListPage | null => useContext(ListedContext)?.page ?? null;

/** Tells what stands beside the list which page it shows. */
export function usePublishPage(page: ListPage): void {
  const setPage = useContext(ListedContext)?.setPage;
  useEffect(() => setPage?.(page), [setPage, page]);
}

export const usePollParts = (): Parts | null => useContext(Context);

/** Has a part of the page refreshed with its list. */
export function usePollPart(name: string, part: Part): void {
  const parts = usePollParts();
  const latest = useRef(part);
  useEffect(() => {
    latest.current = part;
  });
  useEffect(
    () =>
      parts?.register(name, {
        ask: () => latest.current.ask(),
        take: (answer) => latest.current.take(answer),
      }),
    [parts, name],
  );
}
