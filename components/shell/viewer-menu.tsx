import { headers } from 'next/headers';
import { getTranslations } from 'next-intl/server';
import { VIEWER_HEADER, decodeViewer } from '@/lib/auth/roles';
import { env } from '@/lib/config/environment';
import { escapeBidi } from '@/lib/core/text';
import { buttonClass } from '../ui/button';
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
      button={
        <>
          <span className="sr-only">{t('signedInAs')} </span>
          <span className="inline-block max-w-36 truncate align-bottom sm:max-w-56">
            {escapeBidi(viewer.id)}
          </span>
          <span className="ml-1.5 hidden text-soft sm:inline">{role}</span>
        </>
      }
    >
      <p className="text-sm text-soft">{t('signedInAs')}</p>
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
