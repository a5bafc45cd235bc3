'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, useState } from 'react';
import { controlBulkAction, submitBulkControl } from '@/lib/bulk/actions';
import type { Control } from '@/lib/bulk/control';
import { type BulkRun, permissionOf } from '@/lib/bulk/types';
import { actionFailed } from '../action-failed';
import { formAction } from '../form-action';
import { useDenials } from '../permissions';
import { Button } from '../ui/button';

const OFFERED: Record<BulkRun['state'], Control[]> = {
  running: ['pause', 'cancel'],
  interrupted: ['resume', 'cancel'],
  paused: ['resume', 'cancel'],
  cancelled: [],
  refused: [],
  finished: [],
};

/** Pause, resume, cancel: forms, so that they work without JavaScript too. */
export function BulkControls({ run, onDone }: { run: BulkRun; onDone: () => void }) {
  const t = useTranslations();
  const denied = useDenials()[permissionOf(run.action)];
  const [working, setWorking] = useState<Control | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  async function act(event: FormEvent, control: Control) {
    event.preventDefault();
    setWorking(control);
    setProblem(null);
    const result = await controlBulkAction({ id: run.id, control }).catch(actionFailed);
    setWorking(null);
    if (!result.ok) setProblem(t(`errors.${result.error}`));
    else if (result.value !== 'done') setProblem(t(`bulk.notControlled.${result.value}`));
    onDone();
  }

  return (
    <div className="mt-2 flex flex-wrap items-center gap-2">
      {OFFERED[run.state].map((control) => (
        <form
          key={control}
          action={formAction(submitBulkControl)}
          onSubmit={(event) => void act(event, control)}
        >
          <input type="hidden" name="id" value={run.id} />
          <input type="hidden" name="control" value={control} />
          <Button
            type="submit"
            kind={control === 'cancel' ? 'danger' : control === 'resume' ? 'primary' : 'plain'}
            disabled={working !== null || denied !== undefined}
            title={denied && t(`actions.why.${denied}`)}
          >
            {working === control ? t('actions.working') : t(`bulk.controls.${control}`)}
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
