'use client';

import { type ReactNode, useActionState } from 'react';
import { type Revealed, revealAction } from '@/lib/jobs/reveal-action';
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
  const [revealed, action, pending] = useActionState<Revealed | null, FormData>(revealAction, null);
  return (
    <>
      <form action={action} autoComplete="off" className="mt-4 flex flex-col items-start gap-3">
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
