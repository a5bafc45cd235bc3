'use client';

import { useTranslations } from 'next-intl';
import { useCount } from '../quantities';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/**
 * Shows new and removed rows on request, so that the list does not move by itself. `hasMore`: there
 * may be more new rows than counted.
 */
export function NewRowsButton({
  newRows,
  removedRows,
  hasMore,
  onShow,
}: {
  newRows: number;
  removedRows: number;
  hasMore: boolean;
  onShow: () => void;
}) {
  const t = useTranslations('polling');
  const count = useCount();
  return (
    <div
      aria-live="polite"
      className="pointer-events-none sticky top-2 z-20 flex h-0 justify-center"
    >
      {newRows + removedRows > 0 && (
        <button
          type="button"
          onClick={onShow}
          className={`${buttonClass('primary')} pointer-events-auto h-8 -translate-y-1/2 rounded-full px-3.5 shadow-lg`}
        >
          <Icon name="retried" className="size-3.5" />
          {newRows > 0
            ? t('newRows', { number: `${count(newRows)}${hasMore ? '+' : ''}` })
            : t('removedRows', { number: count(removedRows) })}
        </button>
      )}
    </div>
  );
}
