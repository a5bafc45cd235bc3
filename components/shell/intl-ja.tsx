'use client';

import type { Messages } from 'next-intl';
import messages from '@/messages/client/ja.json';
import type { LanguageProps } from './intl';

/** The browser loads the messages once, as a script, not with every page. */
export default function IntlJa({ Provider, ...props }: LanguageProps) {
  return <Provider locale="ja" messages={messages as unknown as Messages} {...props} />;
}
