import { getTranslations } from 'next-intl/server';
import { ConfirmPage } from '@/components/confirm-page';
import { PauseEffect } from '@/components/pauses/pause-effect';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { isFilterText } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { PAUSE_KINDS } from '@/lib/good-job/types';
import { submitPause } from '@/lib/pauses/actions';
import { canEnd } from '@/lib/pauses/mutations';
import { previewPause } from '@/lib/pauses/queries';
import { guardPage, renderMissingPage } from '../../guard';

interface Props {
  params: Promise<{ action: string }>;
  searchParams: PageSearchParams;
}

/**
 * Confirms a pause or unpause without JavaScript. `type` and `value` are GoodJob's own parameters.
 */
export default async function PauseActionPage({ params, searchParams }: Props) {
  const name = (await params).action;
  const pageParams = paramsOf(await searchParams);
  const kind = PAUSE_KINDS.find((candidate) => candidate === pageParams.get('type'));
  const value = pageParams.get('value') ?? '';
  if (
    (name !== 'pause' && name !== 'unpause') ||
    !kind ||
    value.trim() === '' ||
    !isFilterText(value)
  )
    return renderMissingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('pauses');
    const pause = { kind, name: value };
    const back = pageParams.get('back') === 'queues' ? 'queues' : 'pauses';
    return (
      <ConfirmPage
        title={t(`${name}.title.${kind}`)}
        action={submitPause}
        back={`/${back}`}
        confirm={t(`${name}.confirm`)}
        denial={denialsOf(ctx)[`pause.${name}`]}
      >
        <input type="hidden" name="action" value={name} />
        <input type="hidden" name="kind" value={kind} />
        <input type="hidden" name="name" value={value} />
        <input type="hidden" name="back" value={back} />
        <PauseEffect
          action={name}
          pause={pause}
          preview={await previewPause(ctx, pause)}
          canEnd={canEnd(ctx, value)}
        />
      </ConfirmPage>
    );
  });
}
