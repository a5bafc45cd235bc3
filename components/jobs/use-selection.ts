import { useCallback, useEffect, useRef, useState } from 'react';
import { usePausePolling } from '../live';

export interface Selection {
  ids: ReadonlySet<string>;
  /** `range`: all between the row chosen before and this one, as Shift does. */
  select: (id: string, checked: boolean, range: boolean) => void;
  selectAll: (checked: boolean) => void;
}

/**
 * The rows of a page that are selected; while there are some, nothing refreshes. `selectable`: the ids of the list in
 * their order; a row that is not among them any more leaves the selection for good.
 */
export function useSelection(selectable: readonly string[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const order = useRef(selectable);
  useEffect(() => {
    order.current = selectable;
  });
  const remaining = selectable.filter((id) => ids.has(id));
  if (remaining.length < ids.size) setIds(new Set(remaining));
  usePausePolling(remaining.length > 0);
  const select = useCallback((id: string, checked: boolean, range: boolean) => {
    const [from, to] = [order.current.indexOf(last.current ?? id), order.current.indexOf(id)].sort(
      (a, b) => a - b,
    );
    const changed =
      range && from !== undefined && from >= 0 ? order.current.slice(from, (to ?? from) + 1) : [id];
    setIds((before) => {
      const after = new Set(before);
      for (const one of changed)
        if (checked) after.add(one);
        else after.delete(one);
      return after;
    });
    last.current = id;
  }, []);
  const selectAll = useCallback(
    (checked: boolean) => setIds(new Set(checked ? order.current : [])),
    [],
  );
  return { ids, select, selectAll };
}
