import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { Denial } from '@/lib/auth/roles';
import { env } from '@/lib/config/environment';
import { ActionForm } from './action-form';
import { EnvironmentName } from './application';
import { Link } from './navigation';
import { ReasonField } from './reason-field';
import { Banner } from './ui/banner';
import { Button, buttonClass } from './ui/button';

/** The confirmation page of an action, for viewers without JavaScript. */
export function ConfirmPage({
  title,
  action,
  back,
  confirm,
  danger = false,
  denial,
  children,
}: {
  title: string;
  action: (form: FormData) => Promise<string>;
  back: string;
  confirm: string;
  danger?: boolean;
  denial?: Denial;
  children: ReactNode;
}) {
  const t = useTranslations('actions');
  return (
    <ActionForm action={action} className="mx-auto max-w-xl py-6">
      <div className="max-md:hidden">
        <EnvironmentName />
      </div>
      <h1 className="text-xl font-semibold">{title}</h1>
      {children}
      <ReasonField required={env().auditReason === 'required'} />
      {denial && (
        <div className="mt-3">
          <Banner tone="warning">{t(`why.${denial}`)}</Banner>
        </div>
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Link href={back} className={buttonClass()}>
          {t('cancel')}
        </Link>
        <Button type="submit" kind={danger ? 'danger' : 'primary'} disabled={denial !== undefined}>
          {confirm}
        </Button>
      </div>
    </ActionForm>
  );
}
