'use client';

import { useTranslations } from 'next-intl';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { Link } from './navigation';
import type { Toast } from './toasts';
import { Icon } from './ui/icon';

/** How long a toast stays while neither pointer nor focus is on it. */
const TOAST_MS = 8_000;

/**
 * Moves the focus to `ref` if the focused element is removed, as an action removes its own button
 * or row. Chrome sends `focusout` for a removed element, too.
 */
function useFocusOfRemoved(ref: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    let focused = document.activeElement;
    const onFocusIn = () => {
      focused = document.activeElement;
    };
    const onFocusOut = () => {
      queueMicrotask(() => {
        if (focused?.isConnected && focused !== document.activeElement) focused = null;
      });
    };
    const observer = new MutationObserver(() => {
      if (!focused || focused.isConnected || document.activeElement !== document.body) return;
      focused = null;
      ref.current?.focus({ preventScroll: true });
    });
    document.addEventListener('focusin', onFocusIn);
    document.addEventListener('focusout', onFocusOut);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener('focusin', onFocusIn);
      document.removeEventListener('focusout', onFocusOut);
      observer.disconnect();
    };
  }, [ref]);
}

/** The outcome of an action, with a link about it and an undo. */
export default function ToastCard({
  toast,
  onClose,
  onShow,
}: {
  toast: Toast;
  onClose: () => void;
  onShow: (toast: Toast) => void;
}) {
  const t = useTranslations('common');
  const [isHeld, setHeld] = useState(false);
  const [isUndoing, setUndoing] = useState(false);
  const card = useRef<HTMLDivElement>(null);
  useFocusOfRemoved(card);
  // The action may have removed the focused row before the toast was there.
  useEffect(() => {
    if (document.activeElement === document.body) card.current?.focus({ preventScroll: true });
  }, []);
  const close = useRef(onClose);
  useEffect(() => {
    close.current = onClose;
  });
  useEffect(() => {
    if (isHeld || isUndoing) return;
    const timer = setTimeout(() => close.current(), TOAST_MS);
    return () => clearTimeout(timer);
  }, [isHeld, isUndoing]);
  const { text, tone = 'done', link, undo } = toast;
  const onUndo = async () => {
    if (!undo) return;
    setUndoing(true);
    onShow(await undo.run());
    onClose();
  };
  return (
    <div
      ref={card}
      tabIndex={-1}
      data-toast={tone}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className="floating pointer-events-auto flex items-start gap-2 px-3 py-2.5"
    >
      <Icon
        name={tone === 'done' ? 'succeeded' : 'warning'}
        className={`mt-0.5 ${tone === 'done' ? 'text-succeeded' : 'text-danger'}`}
      />
      <div className="min-w-0 flex-1 any-break">
        {text}
        {(link || undo) && (
          <span className="mt-1 flex gap-3">
            {link && (
              <Link href={link.href} prefetch={false} className="text-accent">
                {link.text}
              </Link>
            )}
            {undo && (
              <button
                type="button"
                disabled={isUndoing}
                onClick={() => void onUndo()}
                className="cursor-pointer font-medium text-accent underline"
              >
                {undo.text}
              </button>
            )}
          </span>
        )}
      </div>
      <button
        type="button"
        aria-label={t('dismiss')}
        onClick={onClose}
        className="flex size-6 shrink-0 cursor-pointer items-center justify-center text-soft hover:text-ink"
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
