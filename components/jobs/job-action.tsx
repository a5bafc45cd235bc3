import type { ComponentProps } from 'react';
import { ActionDialog } from './action-dialog';
import { useActionToast } from './use-action-toast';

/** The dialog of an action from a list, which loads with the script of its result. */
export default function JobAction({ onDone, ...props }: ComponentProps<typeof ActionDialog>) {
  const showResult = useActionToast();
  return (
    <ActionDialog
      {...props}
      onDone={(result) => {
        showResult(result);
        onDone(result);
      }}
    />
  );
}
