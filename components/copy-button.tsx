'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useState } from 'react';
import { buttonClass } from './ui/button';
import { Icon } from './ui/icon';

/** Copies a text and announces the result to screen readers. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const t = useTranslations('copy');
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setResult('copied'),
      () => setResult('failed'),
    );
  return (
    <button
      type="button"
      onClick={copy}
      className={`${buttonClass('quiet')} js-only`}
      aria-label={label ? `${t('copy')}: ${label}` : undefined}
    >
      <Icon name="copy" />
      <span aria-live="polite">{t(result ?? 'copy')}</span>
    </button>
  );
}
