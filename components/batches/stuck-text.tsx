'use client';

import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { StuckCause } from '@/lib/batches/types';
import { useAbsoluteTime } from '../absolute-time';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';

/** Returns the values that the messages of a cause contain. */
function useStuckValues(): (cause: StuckCause) => Record<string, string | number> {
  const t = useTranslations('stuck.pauses');
  const count = useCount();
  const format = useFormatter();
  const absolute = useAbsoluteTime();
  return (cause) => {
    if (!('count' in cause)) return {};
    const isLowerBound = cause.kind === 'lost_workers' && cause.more;
    const values = { count: cause.count, number: count(cause.count) + (isLowerBound ? '+' : '') };
    switch (cause.kind) {
      case 'paused': {
        const names = cause.by.map(({ by, name }) => t(by, { name }));
        if (names.length === 0) return { ...values, pauses: t('unnamed') };
        return { ...values, pauses: format.list(cause.more ? [...names, t('more')] : names) };
      }
      case 'queues_unserved':
        return {
          ...values,
          queues: format.list(cause.queues),
          more: cause.count - cause.queues.length,
        };
      case 'waits_until':
        return { ...values, time: absolute(cause.at) };
      default:
        return values;
    }
  };
}

/** Returns the sentence that says why a batch does not progress. */
export function useStuckSentence(): (cause: StuckCause) => string {
  const t = useTranslations('stuck');
  const valuesOf = useStuckValues();
  return (cause) => t(cause.kind, valuesOf(cause));
}

/** What a batch waits for, in a few words. */
export function StuckLabel({ cause }: { cause: StuckCause }): ReactNode {
  const t = useTranslations('stuck.short');
  const valuesOf = useStuckValues();
  return cause.kind === 'waits_until'
    ? t.rich(cause.kind, { time: () => <RelativeTime iso={cause.at} /> })
    : t(cause.kind, valuesOf(cause));
}
