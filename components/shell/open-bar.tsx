import { getTranslations } from 'next-intl/server';
import { env } from '@/lib/config/environment';

/**
 * A warning on each page while the console needs no sign-in (AUTH_MODE=none and
 * I_KNOW_THIS_IS_OPEN=1).
 */
export async function NoSignInWarning() {
  const { auth } = env();
  if (auth.mode !== 'none' || !auth.isOpen) return null;
  const t = await getTranslations('app');
  return (
    <aside className="bg-alarm px-4 py-1.5 text-center font-medium text-on-alarm">
      {t('open')}
    </aside>
  );
}
