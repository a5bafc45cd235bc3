'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, type ReactNode, useActionState, useState } from 'react';
import { type Revealed, revealAction } from '@/lib/jobs/actions';
import { actionFailed } from '../action-failed';
import { Banner } from '../ui/banner';
import { Button } from '../ui/button';
import { JsonBlock } from '../ui/json-block';

interface Props {
  jobId: string;
  labels: { submit: string; working: string; result: string };
  disabled: boolean;
  /** The form's fields. */
  children: ReactNode;
}

/** Asks for the hidden values and shows them below, until the page is left; a plain form without JavaScript. */
export function RevealForm({ jobId, labels, disabled, children }: Props) {
  const t = useTranslations('errors');
  // Without JavaScript React submits the form itself and renders the page with the state that the action returned.
  const [submitted, action] = useActionState<Revealed | null, FormData>(revealAction, null);
  const [called, setCalled] = useState<Revealed | null>(null);
  const [pending, setPending] = useState(false);
  const revealed = called ?? submitted;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (pending) return;
    setPending(true);
    setCalled(
      await revealAction(null, new FormData(event.currentTarget)).catch((error: unknown) => ({
        problem: t(actionFailed(error).error),
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
        <Button type="submit" kind="primary" disabled={disabled || pending}>
          {pending ? labels.working : labels.submit}
        </Button>
      </form>
      <div aria-live="polite" className="mt-4">
        {revealed && 'problem' in revealed && <Banner tone="danger">{revealed.problem}</Banner>}
        {revealed && 'text' in revealed && (
          <section aria-label={labels.result}>
            <JsonBlock text={revealed.text} label={labels.result} />
          </section>
        )}
      </div>
    </>
  );
}
