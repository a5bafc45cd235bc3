'use client';

import { useTranslations } from 'next-intl';
import { useCount } from '../quantities';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** What a refresh would insert or take away, to be shown when the viewer asks for it. It floats: nothing moves for it. `full`: there may be more than these. */
export function NewsButton({
  newRows,
  left,
  full,
  onShow,
}: {
  newRows: number;
  left: number;
  full: boolean;
  onShow: () => void;
}) {
  const t = useTranslations('live');
  const count = useCount();
  return (
    <div
      aria-live="polite"
      className="pointer-events-none sticky top-2 z-20 flex h-0 justify-center"
    >
      {newRows + left > 0 && (
        <button
          type="button"
          onClick={onShow}
          className={`${buttonClass('primary')} pointer-events-auto h-8 -translate-y-1/2 rounded-full px-3.5 shadow-lg`}
        >
          <Icon name="retried" className="size-3.5" />
          {newRows > 0
            ? t('news', { number: `${count(newRows)}${full ? '+' : ''}` })
            : t('gone', { number: count(left) })}
        </button>
      )}
    </div>
  );
}
