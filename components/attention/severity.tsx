import { useTranslations } from 'next-intl';
import type { Severity } from '@/lib/attention/types';
import { Icon, type IconName } from '../ui/icon';

const STATE_STYLES: Record<Severity, { icon: IconName; badge: string; edge: string }> = {
  critical: { icon: 'warning', badge: 'bg-danger-wash text-danger', edge: 'border-l-danger' },
  warning: { icon: 'warning', badge: 'bg-warn-wash text-warn', edge: 'border-l-warn' },
  notice: { icon: 'info', badge: 'bg-queued-wash text-queued', edge: 'border-l-line-strong' },
};

export const severityEdge = (severity: Severity) => STATE_STYLES[severity].edge;

export function SeverityBadge({ severity }: { severity: Severity }) {
  const t = useTranslations('attention.severities');
  return (
    <span className={`badge ${STATE_STYLES[severity].badge}`}>
      <Icon name={STATE_STYLES[severity].icon} className="size-3.5" />
      {t(severity)}
    </span>
  );
}
