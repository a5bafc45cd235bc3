import { useTranslations } from 'next-intl';
import { useCallback } from 'react';
import { useToasts } from '../toasts';
import type { JobActionResult } from './action-dialog';
import { useOutcomeText } from './outcome-text';

/** Returns a function that shows the result of an action on a job. */
export function useActionToast(): (result: JobActionResult) => void {
  const t = useTranslations('jobs');
  const { show } = useToasts();
  const outcomeText = useOutcomeText();
  return useCallback(
    ({ id, action, result }) => {
      const isDone = result.ok && result.value.outcome === 'done';
      show({
        text: outcomeText(action, result),
        tone: isDone ? 'done' : 'problem',
        ...(isDone && action === 'destroy'
          ? {}
          : { link: { href: `/jobs/${id}`, text: t('openPage') } }),
      });
    },
    [show, outcomeText, t],
  );
}
