'use client';

import {
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
} from 'react';
import type { MenuItem } from '../ui/menu';

type Items = () => MenuItem[];
type Register = (items: Items) => () => void;

// Two contexts: registering must not render the page again.
const RegisterContext = createContext<Register>(() => () => undefined);
const ItemsContext = createContext<Items>(() => []);

/** Collects the actions of the open page for the palette. */
export function PageActionsProvider({ children }: { children: ReactNode }) {
  const [sources, setSources] = useState<readonly Items[]>([]);
  const register = useCallback<Register>((items) => {
    setSources((current) => [...current, items]);
    return () => setSources((current) => current.filter((other) => other !== items));
  }, []);
  const items = useCallback(() => sources.flatMap((source) => source()), [sources]);
  return (
    <RegisterContext value={register}>
      <ItemsContext value={items}>{children}</ItemsContext>
    </RegisterContext>
  );
}

/**
 * Offers actions on what the page shows in the palette while the component is mounted. An action
 * opens its dialog; none changes anything at once.
 */
export function usePaletteActions(items: Items): void {
  const register = useContext(RegisterContext);
  const latest = useRef(items);
  useEffect(() => {
    latest.current = items;
  });
  useEffect(() => register(() => latest.current()), [register]);
}

/** Returns the actions that the open page offers. */
export const usePageActions = (): Items => useContext(ItemsContext);
