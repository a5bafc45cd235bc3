import { useTranslations } from 'next-intl';
import type { ComponentProps } from 'react';
import type { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';

type Denial = NonNullable<ReturnType<typeof useDenials>[keyof ReturnType<typeof useDenials>]>;

/** Replaces the button of an action that the viewer has no permission for, and gives the reason. */
export function DeniedButton({
  denial,
  className = buttonClass(),
  children,
}: { denial: Denial } & Pick<ComponentProps<'button'>, 'className' | 'children'>) {
  const t = useTranslations('actions.why');
  return (
    <button type="button" aria-disabled="true" title={t(denial)} className={className}>
      {children}
    </button>
  );
}
