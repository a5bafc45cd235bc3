'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import { controlBulkAction, submitBulkControl } from '@/lib/bulk/actions';
import { type BulkRun, type Control, permissionOf } from '@/lib/bulk/types';
import { toActionError } from '../action-failed';
import { formAction } from '../form-action';
import { useDenials } from '../permissions';
import { Button } from '../ui/button';

const CONTROLS_BY_STATE: Record<BulkRun['state'], Control[]> = {
  running: ['pause', 'cancel'],
  interrupted: ['resume', 'cancel'],
  paused: ['resume', 'cancel'],
  cancelled: [],
  refused: [],
  finished: [],
};

const BUTTON_KINDS = {
  pause: 'plain',
  resume: 'primary',
  cancel: 'danger',
} as const satisfies Record<Control, string>;

/** Pause, resume and cancel, as forms so that they work without JavaScript. */
export function BulkControls({ run, onDone }: { run: BulkRun; onDone: () => void }) {
  const t = useTranslations();
  const denial = useDenials()[permissionOf(run.action)];
  const [pending, setPending] = useState<Control | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent, control: Control) {
    event.preventDefault();
    setPending(control);
    setProblem(null);
    const result = await controlBulkAction({ id: run.id, control }).catch(toActionError);
    setPending(null);
    if (!result.ok) setProblem(t(`errors.${result.error}`));
    else if (result.value !== 'done') setProblem(t(`bulk.notControlled.${result.value}`));
    onDone();
  }

  return (
    <div className="mt-2 flex flex-wrap items-center gap-2">
      {CONTROLS_BY_STATE[run.state].map((control) => (
        <form
          key={control}
          action={formAction(submitBulkControl)}
          onSubmit={(event) => void submit(event, control)}
        >
          <input type="hidden" name="id" value={run.id} />
          <input type="hidden" name="control" value={control} />
          <Button
            type="submit"
            kind={BUTTON_KINDS[control]}
            disabled={pending !== null || denial !== undefined}
            title={denial && t(`actions.why.${denial}`)}
          >
            {pending === control ? t('actions.working') : t(`bulk.controls.${control}`)}
          </Button>
        </form>
      ))}
      {problem && (
        <p role="alert" className="text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}
