'use client';

import { useTranslations } from 'next-intl';
import { MoreMessages } from '../i18n/more-messages';

/** Example queries; the message `searchHelp.<key>` explains each. */
const EXAMPLES = [
  ['state:discarded class:InvoiceMailer*,ReportJob', 'discarded'],
  ['error:"Net::ReadTimeout"', 'error'],
  ['error:="Timeout::Error: "*', 'wholeError'],
  ['-label:bulk', 'not'],
  ['created:>2h', 'created'],
  ['finished:2026-11-01..2026-11-03', 'range'],
  ['attempts:>=3', 'attempts'],
  ['wait:>30s', 'wait'],
  ['runtime:5m..1h', 'runtime'],
  ['attempted:>24h', 'attempted'],
  ['attempt_failed:2026-11-01..2026-11-03', 'attemptFailed'],
  ['args.0.invoice_id:4711', 'args'],
  ['請求書', 'text'],
  ['d293ba0f', 'id'],
] as const;

/** Explains the query language by examples. */
export default function HelpPanel() {
  return (
    <MoreMessages>
      <Examples />
    </MoreMessages>
  );
}

function Examples() {
  const t = useTranslations('searchHelp');
  return (
    <div className="w-[30rem] max-w-full max-sm:w-auto">
      <p className="text-sm">{t('intro')}</p>
      <dl className="mt-2 grid grid-cols-1 gap-x-4 gap-y-1 sm:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        {EXAMPLES.map(([example, key]) => (
          <div key={key} className="contents">
            <dt className="font-mono text-xs any-break">{example}</dt>
            <dd className="text-sm text-soft max-sm:mb-1">{t(key)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
