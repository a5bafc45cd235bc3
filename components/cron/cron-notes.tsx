'use client';

import { useTranslations } from 'next-intl';
import type { CronRow } from '@/lib/cron/types';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';

/** Problems and peculiarities of a cron entry. */
export function CronNotes({ row, hasCronFile }: { row: CronRow; hasCronFile: boolean }) {
  const t = useTranslations('cron');
  const notes = [
    ...row.problems.map((problem) => ({
      key: problem,
      text: t(`problems.${problem}`),
      isWarning: true,
    })),
    ...(hasCronFile && !row.isConfigured
      ? [{ key: 'notInFile', text: t('notInFile'), isWarning: false }]
      : []),
    ...(row.isConfigured && row.runs.length === 0
      ? [{ key: 'neverRan', text: t('neverRan'), isWarning: false }]
      : []),
  ];
  return (
    <>
      {row.overdueSince && (
        <p className="flex items-start gap-1 text-sm text-danger">
          <Icon name="warning" className="mt-[3px] size-3.5" />
          <span>
            {t('overdue')} <RelativeTime iso={row.overdueSince} />
          </span>
        </p>
      )}
      {notes.map(({ key, text, isWarning }) => (
        <p key={key} className={`text-sm ${isWarning ? 'text-warn' : 'text-soft'}`}>
          {text}
        </p>
      ))}
    </>
  );
}
