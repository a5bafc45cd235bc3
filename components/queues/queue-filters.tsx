import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import { type QueueFilter, queueFilterParams } from '@/lib/queues/filters';
import { Link } from '../navigation';
import { Tabs } from '../page-header';
import { Button, buttonClass } from '../ui/button';

/** Filters the queues by name: a plain GET form, so that it works without JavaScript. */
export function QueueFilterForm({ filter }: { filter: QueueFilter }) {
  const t = useTranslations();
  const { range, name } = filter;
  return (
    <form
      role="search"
      action={href(currentApplication(), '/queues')}
      className="flex min-w-0 flex-[1_1_18rem] flex-wrap items-end gap-2"
    >
      <input type="hidden" name="range" value={range} />
      <label className="flex min-w-0 flex-1 flex-col gap-0.5 sm:max-w-80">
        <span className="text-sm text-soft">{t('queues.nameFilter')}</span>
        <input
          name="queue_name"
          defaultValue={name ?? ''}
          autoComplete="off"
          spellCheck={false}
          className="control w-full font-mono"
        />
      </label>
      <Button type="submit">{t('filter.apply')}</Button>
      {name !== null && (
        <Link
          href={`/queues?${queueFilterParams({ range, name: null })}`}
          prefetch={false}
          className={buttonClass('quiet')}
        >
          {t('filter.clear')}
        </Link>
      )}
    </form>
  );
}

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
