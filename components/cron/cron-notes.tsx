'use client';

import { useTranslations } from 'next-intl';
import type { CronRow } from '@/lib/cron/types';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';

/** What is wrong with an entry, or unusual. */
export function CronNotes({ row, fileGiven }: { row: CronRow; fileGiven: boolean }) {
  const t = useTranslations('cron');
  const notes = [
    ...row.problems.map((problem) => ({
      key: problem,
      text: t(`problems.${problem}`),
      warns: true,
    })),
    ...(fileGiven && !row.configured
      ? [{ key: 'notInFile', text: t('notInFile'), warns: false }]
      : []),
    ...(row.configured && row.runs.length === 0
      ? [{ key: 'neverRan', text: t('neverRan'), warns: false }]
      : []),
  ];
  return (
    <>
      {row.overdueSince && (
        <p className="flex items-start gap-1 text-[13px] text-danger">
          <Icon name="warning" className="mt-[3px] size-3.5" />
          <span>
            {t('overdue')} <RelativeTime iso={row.overdueSince} />
          </span>
        </p>
      )}
      {notes.map(({ key, text, warns }) => (
        <p key={key} className={`text-[13px] ${warns ? 'text-warn' : 'text-soft'}`}>
          {text}
        </p>
      ))}
    </>
  );
}
