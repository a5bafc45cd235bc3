import { useTranslations } from 'next-intl';
import type { ComponentProps } from 'react';
import type { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';

type Why = NonNullable<ReturnType<typeof useDenials>[keyof ReturnType<typeof useDenials>]>;

/** Stands where an act would be that this viewer may not do, and says why. */
export function DeniedButton({
  why,
  className = buttonClass(),
  children,
}: { why: Why } & Pick<ComponentProps<'button'>, 'className' | 'children'>) {
  const t = useTranslations('actions.why');
  return (
    <button type="button" aria-disabled="true" title={t(why)} className={className}>
      {children}
    </button>
  );
}
