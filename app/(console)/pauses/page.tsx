import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { PauseForm } from '@/components/pauses/pause-form';
import { PauseList } from '@/components/pauses/pause-list';
import { PauseNotice } from '@/components/pauses/pause-notice';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { listPauses } from '@/lib/pauses/queries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('pauses'))('title') };
}

export default async function PausesPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('pauses');
    return (
      <>
        <h1 className="mb-1 text-xl font-semibold">{t('title')}</h1>
        <p className="mb-3 max-w-prose text-soft">
          {t.rich('workers', {
            code: (name) => <code className="font-mono text-[13px] text-ink">{name}</code>,
          })}
        </p>
        <PauseNotice
          did={given.get('did')}
          outcome={given.get('outcome')}
          name={given.get('name')}
        />
        <PauseForm />
        <PauseList initial={await listPauses(ctx)} />
      </>
    );
  });
}
