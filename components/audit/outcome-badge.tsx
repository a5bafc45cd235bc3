import { useTranslations } from 'next-intl';
import type { AuditOutcome } from '@/lib/audit/types';
import { Icon, type IconName } from '../ui/icon';

const STATE_STYLES: Record<AuditOutcome, [icon: IconName, classes: string]> = {
  done: ['succeeded', 'px-0 text-soft'],
  mixed: ['warning', 'bg-warn-wash text-warn'],
  unchanged: ['info', 'px-0 text-soft'],
  refused: ['close', 'bg-danger-wash text-danger'],
  failed: ['warning', 'bg-danger-wash text-danger'],
  started: ['running', 'bg-running-wash text-running'],
};

export function OutcomeBadge({ outcome }: { outcome: AuditOutcome }) {
  const t = useTranslations('audit.outcomes');
  const [icon, classes] = STATE_STYLES[outcome];
  return (
    <span className={`badge ${classes}`}>
      <Icon name={icon} className="size-3.5" />
      {t(outcome)}
    </span>
  );
}
