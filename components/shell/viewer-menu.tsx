import { headers } from 'next/headers';
import { getTranslations } from 'next-intl/server';
import { VIEWER_HEADER, decodeViewer } from '@/lib/auth/roles';
import { env } from '@/lib/config/environment';
import { escapeBidi } from '@/lib/core/text';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';

/** The viewer and their role, with a sign-out button if the console handles the sign-in. */
export async function ViewerMenu() {
  const { auth } = env();
  const viewer = decodeViewer((await headers()).get(VIEWER_HEADER));
  if (auth.mode === 'none' || !viewer) return null;
  const t = await getTranslations('app');
  const role = t(`roles.${viewer.role}`);
  return (
    <Panel
      className="w-72 p-3"
      placement="top-start"
      buttonClassName={`${buttonClass('quiet')} viewer-button`}
      button={
        <>
          <span className="sr-only">{t('signedInAs')} </span>
          <Icon name="viewer" />
          <span className="rail-text min-w-0 truncate">{escapeBidi(viewer.id)}</span>
          <span className="rail-text ml-auto shrink-0 text-xs text-faint">{role}</span>
        </>
      }
    >
      <p className="text-xs text-soft">{t('signedInAs')}</p>
      <p className="font-medium break-all">{escapeBidi(viewer.id)}</p>
      <p className="mt-2 font-medium">{role}</p>
      <p>{t(`roleMeans.${viewer.role}`)}</p>
      {auth.mode === 'oidc' && (
        <form method="post" action={`${env().basePath}/auth/sign-out`} className="mt-3">
          <button className={buttonClass()}>{t('signOut')}</button>
        </form>
      )}
    </Panel>
  );
}
