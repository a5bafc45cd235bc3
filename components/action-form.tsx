'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, type ReactNode, useState } from 'react';
import { STAY_ON_PAGE } from '@/lib/core/errors';
import { useNavigate } from './navigation';
import { toActionError } from './requests';

/**
 * A form whose Server Action ends with a navigation (`navigateTo`). Without JavaScript the browser
 * follows the redirect; with it this form navigates to the address that the action returns.
 */
export function ActionForm({
  action,
  className,
  children,
}: {
  action: (form: FormData) => Promise<string>;
  className?: string;
  children: ReactNode;
}) {
  const t = useTranslations('errors');
  const navigate = useNavigate();
  const [isWorking, setIsWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isWorking) return;
    setIsWorking(true);
    setProblem(null);
    try {
      const address = await action(new FormData(event.currentTarget));
      if (address === STAY_ON_PAGE) setProblem(t('console_updated'));
      else navigate(address);
    } catch (error) {
      setProblem(t(toActionError(error).error));
    }
    setIsWorking(false);
  }

  return (
    <form
      action={formAction(action)}
      onSubmit={(event) => void submit(event)}
      aria-busy={isWorking}
      className={className}
    >
      {children}
      {problem && (
        <p role="alert" className="mt-2 text-danger">
          {problem}
        </p>
      )}
    </form>
  );
}

/**
 * Types a Server Action for the `action` of a form, whose type allows no result. It returns the
 * same function, which a form without JavaScript needs.
 */
export function formAction(action: (form: FormData) => unknown): (form: FormData) => void {
  return action;
}
