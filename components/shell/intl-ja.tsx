'use client';

import messages from '@/messages/client/ja.json';
import type { LanguageProps } from './intl';

/** The browser loads the messages once, as a script, not with every page. */
export default function IntlJa({ With, ...props }: LanguageProps) {
  return <With locale="ja" messages={messages} {...props} />;
}
