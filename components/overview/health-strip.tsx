import { useFormatter, useTranslations } from 'next-intl';
import type { Severity } from '@/lib/attention/types';
import type { Health } from '@/lib/overview/types';
import { Link } from '../link';
import { useCountText } from '../quantities';
import { Icon, type IconName } from '../ui/icon';

const PILLS: Record<Severity, { icon: IconName; className: string }> = {
  critical: { icon: 'warning', className: 'bg-danger-wash text-danger' },
  warning: { icon: 'warning', className: 'bg-warn-wash text-warn' },
  notice: { icon: 'info', className: 'bg-queued-wash text-queued' },
};

/** One sentence about the findings of /attention, and a pill for each. */
export function HealthStrip({ health }: { health: Health }) {
  const t = useTranslations('overview.health');
  const kinds = useTranslations('attention.kinds');
  const countText = useCountText();
  const format = useFormatter();
  const { findings, clear, unknown, checkedAt } = health;
  return (
    <section aria-label={t('label')} data-section="health" className="flex flex-col gap-2">
      <p className="text-base font-medium" data-severity={findings[0]?.severity ?? 'none'}>
        <Sentence health={health} />
      </p>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1.5">
        {findings.map(({ kind, severity, count }) => (
          <Link
            key={kind}
            href={`/attention#finding-${kind}`}
            prefetch={false}
            data-finding={kind}
            className={`pill min-h-6 no-underline hover:underline ${PILLS[severity].className}`}
          >
            <Icon name={PILLS[severity].icon} className="size-3.5" />
            {kinds(kind)}
            <span className="font-semibold">{countText(count).text}</span>
          </Link>
        ))}
        <span className="text-xs text-faint">
          {clear > 0 && findings.length > 0 && <>{t('rest', { count: clear })} · </>}
          {unknown > 0 && findings.length > 0 && <>{t('unknown', { count: unknown })} · </>}
          {t('checkedAt', {
            time: format.dateTime(new Date(checkedAt), {
              hour: '2-digit',
              minute: '2-digit',
              hourCycle: 'h23',
            }),
          })}
        </span>
      </div>
    </section>
  );
}

function Sentence({ health: { findings, unknown } }: { health: Health }) {
  const t = useTranslations('overview.health');
  const countOf = (severity: Severity) =>
    findings.filter((finding) => finding.severity === severity).length;
  const critical = countOf('critical');
  if (critical > 0) return t('critical', { critical, others: findings.length - critical });
  if (countOf('warning') > 0) return t('warning', { count: findings.length });
  if (findings.length > 0) return t('notice', { count: findings.length });
  return unknown > 0 ? t('clearButUnknown', { count: unknown }) : t('clear');
}
