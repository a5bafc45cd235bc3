import { useTranslations } from 'next-intl';
import { Tabs } from '../tabs';

/** The tabs of the place that queues and pauses share. */
export function PlaceTabs({ current, pauses }: { current: 'queues' | 'pauses'; pauses: number }) {
  const t = useTranslations('queues');
  return (
    <Tabs
      label={t('places')}
      tabs={[
        { href: '/queues', text: t('title'), current: current === 'queues' },
        {
          href: '/pauses',
          text: t('pausesTab', { count: pauses }),
          current: current === 'pauses',
        },
      ]}
    />
  );
}
