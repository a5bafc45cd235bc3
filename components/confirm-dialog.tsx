'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, type ReactNode, type RefObject, useId, useState } from 'react';
import { EnvironmentName } from './application';
import { useReasonRequired } from './permissions';
import { usePausePolling } from './polling/polling-provider';
import { ReasonField } from './reason-field';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';

/**
 * What happens after a confirmation: `done` closes the dialog, all others keep it open with its
 * input. `stay` shows no message, for example because the caller now renders another dialog.
 */
export type ConfirmResult = 'done' | 'stay' | 'console_updated' | { problem: string };

interface Props {
  title: string;
  confirm: string;
  isDestructive?: boolean;
  isConfirmDisabled?: boolean;
  /** The button that has focus when the dialog opens. */
  focusFirst?: 'confirm' | 'cancel';
  returnTo?: RefObject<HTMLElement | null>;
  /** Returns why the input cannot be confirmed, or null. */
  validate?: (form: FormData) => string | null;
  /**
   * `form` contains the inputs in `children`, and the audit reason `reason`, which may be empty.
   */
  onConfirm: (form: FormData) => Promise<ConfirmResult>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks for confirmation: the action's effect and inputs (`children`), a reason, the buttons. */
export function ConfirmDialog({
  title,
  confirm,
  isDestructive = false,
  isConfirmDisabled = false,
  focusFirst = 'confirm',
  returnTo,
  validate,
  onConfirm,
  onClose,
  children,
}: Props) {
  const t = useTranslations('errors');
  const heading = useId();
  const [isWorking, setIsWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const reasonRequired = useReasonRequired();
  usePausePolling(true);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const invalid = validate?.(form) ?? null;
    setProblem(invalid);
    if (invalid) return;
    setIsWorking(true);
    const result = await onConfirm(form);
    setIsWorking(false);
    if (result === 'done') onClose();
    else if (result === 'console_updated') setProblem(t('console_updated'));
    else if (result !== 'stay') setProblem(result.problem);
  }
  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form onSubmit={(event) => void submit(event)}>
        <EnvironmentName />
        <h2 id={heading} className="mt-1 text-lg font-semibold any-break">
          {title}
        </h2>
        {children}
        <ReasonField required={reasonRequired} />
        {problem && (
          <p role="alert" className="mt-2 text-danger">
            {problem}
          </p>
        )}
        <Buttons
          {...{ confirm, isDestructive, isConfirmDisabled, focusFirst, isWorking, onClose }}
        />
      </form>
    </Dialog>
  );
}

interface ButtonsProps extends Pick<Props, 'confirm' | 'onClose'> {
  isDestructive: boolean;
  isConfirmDisabled: boolean;
  focusFirst: 'confirm' | 'cancel';
  isWorking: boolean;
}

function Buttons(props: ButtonsProps) {
  const { confirm, isDestructive, isConfirmDisabled, focusFirst, isWorking, onClose } = props;
  const t = useTranslations('actions');
  return (
    <div className="mt-5 flex flex-wrap justify-end gap-2">
      <Button
        onClick={onClose}
        disabled={isWorking}
        data-focus-first={focusFirst === 'cancel' ? '' : undefined}
      >
        {t('cancel')}
      </Button>
      <Button
        type="submit"
        kind={isDestructive ? 'danger' : 'primary'}
        disabled={isWorking || isConfirmDisabled}
        data-focus-first={focusFirst === 'confirm' ? '' : undefined}
      >
        {isWorking ? t('working') : confirm}
      </Button>
    </div>
  );
}
