'use client';

import { useTranslations } from 'next-intl';
import {
  type ReactNode,
  Suspense,
  createContext,
  useCallback,
  useContext,
  useMemo,
  useRef,
  useState,
} from 'react';
import { lazyScript } from './ui/lazy-script';

// Loaded with the first toast.
const ToastCard = lazyScript(() => import('./toast-card'));

const MAX_TOASTS = 3;

export interface Toast {
  /** Replaces an older toast about the same object, whose outcome or undo is outdated. */
  about?: string;
  text: ReactNode;
  tone?: 'done' | 'problem';
  /** Path of a page about the outcome. */
  link?: { href: string; text: string };
  /** Reverts the action; resolves to the toast that says what it did. */
  undo?: { text: string; run: () => Promise<Toast> };
}

interface Toasts {
  show: (toast: Toast) => void;
}

const ToastContext = createContext<Toasts>({ show: () => undefined });

/** Shows the outcome of an action without moving the page. */
export const useToasts = (): Toasts => useContext(ToastContext);

/** Provides `useToasts` and renders the toasts in a corner. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const t = useTranslations('common');
  const [toasts, setToasts] = useState<(Toast & { id: number })[]>([]);
  const nextId = useRef(1);
  const list = useRef<HTMLDivElement>(null);
  const show = useCallback((toast: Toast) => {
    const id = nextId.current;
    nextId.current += 1;
    setToasts((current) =>
      [
        ...current.filter(({ about }) => about === undefined || about !== toast.about),
        { ...toast, id },
      ].slice(-MAX_TOASTS),
    );
  }, []);
  const drop = useCallback(
    (id: number) => setToasts((current) => current.filter((toast) => toast.id !== id)),
    [],
  );
  const context = useMemo(() => ({ show }), [show]);
  const close = (id: number) => {
    // The closed toast may contain the focused button, whose place in the tab order would be lost.
    if (list.current?.contains(document.activeElement)) list.current.focus();
    drop(id);
  };
  return (
    <ToastContext value={context}>
      {children}
      <div
        ref={list}
        tabIndex={-1}
        role="region"
        aria-live="polite"
        aria-label={t('notifications')}
        className={
          'pointer-events-none fixed bottom-4 left-4 z-50 flex w-96 max-w-[calc(100vw-2rem)] ' +
          'flex-col gap-2 max-md:bottom-20'
        }
      >
        <Suspense>
          {toasts.map(({ id, ...toast }) => (
            <ToastCard key={id} toast={toast} onClose={() => close(id)} onShow={show} />
          ))}
        </Suspense>
      </div>
    </ToastContext>
  );
}
