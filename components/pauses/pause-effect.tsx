import { useTranslations } from 'next-intl';
import type { PauseRow } from '@/lib/pauses/queries';

/** The effect of a pause or unpause, shared by the dialog and the confirmation page. */
export function PauseEffect({
  action,
  pause,
}: {
  action: 'pause' | 'unpause';
  pause: Pick<PauseRow, 'kind' | 'name'>;
}) {
  const t = useTranslations('pauses');
  return (
    <>
      <dl className="mt-2">
        <dt className="sr-only">{t(`kinds.${pause.kind}`)}</dt>
        <dd className="font-mono text-sm break-all">{pause.name}</dd>
      </dl>
      <p className="mt-2">{t(`${action}.effect`)}</p>
    </>
  );
}
