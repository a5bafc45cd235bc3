'use client';

import messages from '@/messages/client/en.json';
import type { LanguageProps } from './intl';

/** The browser loads the messages once, as a script, not with every page. */
export default function IntlEn({ With, ...props }: LanguageProps) {
  return <With locale="en" messages={messages} {...props} />;
}
