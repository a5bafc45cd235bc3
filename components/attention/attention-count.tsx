import { getTranslations } from 'next-intl/server';
import { attentionCount } from '@/lib/attention/count';
import { type Ctx } from '@/lib/ctx';

/** How many findings there are, beside the link to /attention; nothing while there are none, or none are known yet. Never waited for. */
export async function AttentionCount({ ctx }: { ctx: Ctx }) {
  const count = await attentionCount(ctx);
  if (!count) return null;
  const t = await getTranslations('attention');
  const look =
    count.severity === 'critical'
      ? 'bg-danger-wash text-danger'
      : count.severity === 'warning'
        ? 'bg-warn-wash text-warn'
        : 'bg-queued-wash text-queued';
  return (
    <span
      data-attention-count=""
      className={`ml-1 inline-block min-w-5 rounded-full px-1.5 text-center text-[12px] font-semibold ${look}`}
    >
      {count.findings}
      <span className="sr-only"> {t('countLabel', { count: count.findings })}</span>
    </span>
  );
}
