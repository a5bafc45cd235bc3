import { useCallback, useEffect, useRef, useState } from 'react';
import { usePausePolling } from '../polling/polling-provider';

interface Selection {
  ids: ReadonlySet<string>;
  /** `range` selects all rows from the last selected one to this one, as Shift does. */
  select: (id: string, checked: boolean, range: boolean) => void;
  selectAll: (checked: boolean) => void;
}

/**
 * The selected rows of a page; a selection pauses polling. `selectable` are the ids of the list in
 * order; a row that disappears from them is deselected for good.
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
    const lastIndex = order.current.indexOf(last.current ?? id);
    const index = order.current.indexOf(id);
    const from = Math.min(lastIndex, index);
    const to = Math.max(lastIndex, index);
    const changedIds = range && from >= 0 ? order.current.slice(from, to + 1) : [id];
    setIds((previous) => {
      const next = new Set(previous);
      for (const changedId of changedIds)
        if (checked) next.add(changedId);
        else next.delete(changedId);
      return next;
    });
    last.current = id;
  }, []);
  const selectAll = useCallback(
    (checked: boolean) => setIds(new Set(checked ? order.current : [])),
    [],
  );
  return { ids, select, selectAll };
}
