'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import { buttonClass } from './ui/button';
import { Icon } from './ui/icon';

interface Props {
  text?: string;
  /** The id of an element whose text is copied after `text`: a large text is in the page once. */
  sourceId?: string;
  /** What is copied, for screen readers. */
  label?: string;
  /** Visible text of the button; the default is "Copy". */
  caption?: string;
  /** Shows only the icon. Needs a label. */
  isIcon?: boolean;
}

/** Copies a text and announces the result to screen readers. */
export function CopyButton({ text = '', sourceId, label, caption, isIcon = false }: Props) {
  const t = useTranslations('copy');
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () => {
    const source = sourceId === undefined ? null : document.getElementById(sourceId);
    navigator.clipboard.writeText(text + (source?.textContent ?? '')).then(
      () => setResult('copied'),
      () => setResult('failed'),
    );
  };
  const resultText = result ? t(result) : (caption ?? t('copy'));
  return (
    <button
      type="button"
      onClick={copy}
      className={
        isIcon
          ? 'js-only inline-flex size-6 shrink-0 cursor-pointer items-center justify-center ' +
            'rounded text-soft hover:bg-sunken hover:text-ink'
          : `${buttonClass('quiet')} js-only`
      }
      aria-label={label ? `${t('copy')}: ${label}` : undefined}
      title={isIcon ? label : undefined}
    >
      <Icon name={isIcon && result === 'copied' ? 'succeeded' : 'copy'} />
      <span aria-live="polite" className={isIcon ? 'sr-only' : undefined}>
        {isIcon && !result ? '' : resultText}
      </span>
    </button>
  );
}
