import { useTranslations } from 'next-intl';
import { NOT_RECORDED, type RowChange } from '@/lib/audit/types';
import { AbsoluteTime } from '../absolute-time';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The changed fields of each row, with the value before and after. */
export function AuditChanges({ changes }: { changes: RowChange[] }) {
  const t = useTranslations('audit');
  const renderValue = (text: string | null) => {
    if (text === null) return <span className="text-soft">–</span>;
    if (text === NOT_RECORDED) return <span className="text-soft">{t('notRecorded')}</span>;
    return ISO.test(text) ? (
      <AbsoluteTime iso={text} />
    ) : (
      <span className="font-mono text-xs whitespace-pre-wrap any-break">{text}</span>
    );
  };
  return changes.map(({ id, isDeleted, fields }) => (
    <div key={id} className="mt-2">
      <p className="text-sm">
        <span className="font-mono break-all">{id}</span>
        {isDeleted && <span className="text-danger"> {t('deleted')}</span>}
      </p>
      <table
        aria-label={t('changesOf', { id })}
        className="mt-1 w-full table-fixed border-collapse text-sm max-sm:[&_time]:whitespace-normal"
      >
        <thead className="text-left text-soft">
          <tr>
            <th scope="col" className="w-2/6 py-0.5 pr-3 font-normal">
              {t('field')}
            </th>
            <th scope="col" className="py-0.5 pr-3 font-normal">
              {t('before')}
            </th>
            {!isDeleted && (
              <th scope="col" className="py-0.5 font-normal">
                {t('after')}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {fields.map(({ name, before, after }) => (
            <tr key={name} className="border-t border-line align-top">
              <th
                scope="row"
                className="py-0.5 pr-3 text-left font-mono text-xs font-normal any-break"
              >
                {name || t('wholeRow')}
              </th>
              <td className="py-0.5 pr-3 any-break">{renderValue(before)}</td>
              {!isDeleted && <td className="py-0.5 any-break">{renderValue(after)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  ));
}
