'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, type ReactNode, useActionState, useState } from 'react';
import { type RevealResponse, revealAction } from '@/lib/jobs/actions';
import { toActionError } from '../requests';
import { Banner } from '../ui/banner';
import { Button } from '../ui/button';
import { JsonBlock } from '../ui/code';

interface Props {
  jobId: string;
  labels: { submit: string; working: string; result: string };
  disabled: boolean;
  /** The form's fields. */
  children: ReactNode;
}

/** Requests the redacted values and shows them below the form, also without JavaScript. */
export function RevealForm({ jobId, labels, disabled, children }: Props) {
  const t = useTranslations('errors');
  // Without JavaScript the browser submits the form and React renders the action's result as state.
  const [formResult, action] = useActionState<RevealResponse | null, FormData>(revealAction, null);
  const [callResult, setCallResult] = useState<RevealResponse | null>(null);
  const [isPending, setPending] = useState(false);
  const result = callResult ?? formResult;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isPending) return;
    setPending(true);
    setCallResult(
      await revealAction(null, new FormData(event.currentTarget)).catch((error: unknown) => ({
        problem: t(toActionError(error).error),
      })),
    );
    setPending(false);
  }

  return (
    <>
      <form
        action={action}
        onSubmit={(event) => void submit(event)}
        autoComplete="off"
        className="mt-4 flex flex-col items-start gap-3"
      >
        <input type="hidden" name="job" value={jobId} />
        {children}
        <Button type="submit" kind="primary" disabled={disabled || isPending}>
          {isPending ? labels.working : labels.submit}
        </Button>
      </form>
      <div aria-live="polite" className="mt-4">
        {result && 'problem' in result && <Banner tone="danger">{result.problem}</Banner>}
        {result && 'text' in result && (
          <section aria-label={labels.result}>
            <JsonBlock text={result.text} label={labels.result} />
          </section>
        )}
      </div>
    </>
  );
}
