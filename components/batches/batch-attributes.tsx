import { useTranslations } from 'next-intl';
import type { BatchAttributes as Attributes } from '@/lib/batches/types';
import { CopyButton } from '../copy-button';
import { Link } from '../link';
import { useByteSize } from '../too-large';
import { buttonClass } from '../ui/button';
import { JsonBlock } from '../ui/json-block';

/**
 * All attributes of a batch as JSON, or their size if they are too large. `allHref` is null if the
 * page already reads up to the size limit.
 */
export function BatchAttributes({
  attributes: { json, bytes },
  allHref,
}: {
  attributes: Attributes;
  allHref: string | null;
}) {
  const t = useTranslations('batch');
  const size = useByteSize();
  return (
    <section aria-labelledby="attributes" className="mt-5">
      <div className="mb-1 flex items-center justify-between">
        <h2 id="attributes" className="text-base font-semibold">
          {t('attributes')}
        </h2>
        {json !== null && <CopyButton text={json} label={t('attributes')} />}
      </div>
      {json === null ? (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-soft">
          {t('attributesTooLarge', { size: size(bytes) })}
          {allHref && (
            <Link href={allHref} prefetch={false} className={buttonClass()}>
              {t('attributesShowAll')}
            </Link>
          )}
        </p>
      ) : (
        <JsonBlock text={json} label={t('attributes')} />
      )}
    </section>
  );
}
