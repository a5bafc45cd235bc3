import { useCallback, useEffect, useRef, useState } from 'react';
import { useHold } from '../live';

export interface Selection {
  ids: ReadonlySet<string>;
  /** `range`: all between the row chosen before and this one, as Shift does. */
  select: (id: string, checked: boolean, range: boolean) => void;
  selectAll: (checked: boolean) => void;
}

/** The rows of a page that are chosen; while there are some, nothing refreshes. `shown`: the page's ids in their order. */
export function useSelection(shown: readonly string[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const order = useRef(shown);
  useEffect(() => {
    order.current = shown;
  });
  useHold(ids.size > 0);
  const change = (some: readonly string[], checked: boolean) =>
    setIds((before) => {
      const after = new Set(before);
      for (const id of some)
        if (checked) after.add(id);
        else after.delete(id);
      return after;
    });
  const select = useCallback((id: string, checked: boolean, range: boolean) => {
    const [from, to] = [order.current.indexOf(last.current ?? id), order.current.indexOf(id)].sort(
      (a, b) => a - b,
    );
    change(
      range && from !== undefined && from >= 0 ? order.current.slice(from, (to ?? from) + 1) : [id],
      checked,
    );
    last.current = id;
  }, []);
  const selectAll = useCallback(
    (checked: boolean) => setIds(new Set(checked ? order.current : [])),
    [],
  );
  return { ids, select, selectAll };
}
