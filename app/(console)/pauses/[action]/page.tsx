import { getTranslations } from 'next-intl/server';
import { ConfirmPage } from '@/components/confirm-page';
import { PauseEffect } from '@/components/pauses/pause-effect';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { isFilterText } from '@/lib/core/text';
import { PAUSE_KINDS } from '@/lib/good-job/settings';
import { submitPause } from '@/lib/pauses/actions';
import { guardPage, missingPage } from '../../guard';

interface Props {
  params: Promise<{ action: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

/** Asks before a pause, or its end, where there is no JavaScript. `type` and `value` are GoodJob's own parameters. */
export default async function PauseActionPage({ params, searchParams }: Props) {
  const name = (await params).action;
  const given = paramsOf(await searchParams);
  const kind = PAUSE_KINDS.find((one) => one === given.get('type'));
  const value = given.get('value') ?? '';
  if (
    (name !== 'pause' && name !== 'unpause') ||
    !kind ||
    value.trim() === '' ||
    !isFilterText(value)
  )
    return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('pauses');
    return (
      <ConfirmPage
        title={t(`${name}.title.${kind}`)}
        action={submitPause}
        back="/pauses"
        confirm={t(`${name}.confirm`)}
        denied={denialsOf(ctx)[`pause.${name}`]}
      >
        <input type="hidden" name="action" value={name} />
        <input type="hidden" name="kind" value={kind} />
        <input type="hidden" name="name" value={value} />
        <PauseEffect action={name} pause={{ kind, name: value }} />
      </ConfirmPage>
    );
  });
}
