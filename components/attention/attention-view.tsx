'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { Attention, Check, RepairTarget } from '@/lib/attention/types';
import { useHref } from '../application';
import { Dismissible, useLastOutcome } from '../dismissible';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { usePollingQuery } from '../polling/use-polling-query';
import { fetchJson } from '../requests';
import { AbsoluteTime } from '../time';
import { Icon } from '../ui/icon';
import { FindingSection } from './finding-section';
import { type RepairAttempt, RepairDialog } from './repair-dialog';
import { RepairOutcome } from './repair-text';

/** All findings, the most severe first, polled; the checks without a finding are listed below. */
export function AttentionView({ initial }: { initial: Attention }) {
  const t = useTranslations('attention');
  const errors = useTranslations('errors');
  const href = useHref();
  const { refresh } = usePolling();
  const [repairTarget, setRepairTarget] = useState<RepairTarget | null>(null);
  const { outcome: lastRepair, show, drop } = useLastOutcome<RepairAttempt>();
  const outcome = useRef<HTMLDivElement>(null);
  // The repaired row disappears with its button, so focus moves to the outcome.
  useEffect(() => outcome.current?.focus(), [lastRepair]);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = usePollingQuery({
    key: ['attention'],
    fetch: (signal) => fetchJson<Attention>(href('/api/attention'), signal),
    initial,
  });
  const findings = data.checks.flatMap((check) =>
    check.result === 'found' ? [check.finding] : [],
  );
  const hasUnknown = data.checks.some(({ result }) => result === 'unknown');
  return (
    <>
      <p className="mb-3 text-sm text-soft">
        {t.rich('checkedAt', { time: () => <AbsoluteTime iso={data.checkedAt} /> })}
      </p>
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {lastRepair && (
        <div ref={outcome} tabIndex={-1} role="status" className="mb-3">
          <Dismissible onDismiss={drop}>
            {lastRepair.result.ok ? (
              <RepairOutcome
                repair={lastRepair.target.repair}
                counts={lastRepair.result.value.counts}
                notDone={lastRepair.result.value.failures}
              />
            ) : (
              <p className="text-danger">{errors(lastRepair.result.error)}</p>
            )}
          </Dismissible>
        </div>
      )}
      {findings.length === 0 ? (
        <div className="flex flex-col items-center gap-1 card px-4 py-8 text-center">
          <Icon
            name={hasUnknown ? 'info' : 'succeeded'}
            className={`size-6 ${hasUnknown ? 'text-soft' : 'text-succeeded'}`}
          />
          <p className="text-base font-semibold">{t('nothing')}</p>
          <p className="text-soft">{t(hasUnknown ? 'nothingButUnknown' : 'nothingHint')}</p>
        </div>
      ) : (
        <div className="flex flex-col gap-4">
          {findings.map((finding) => (
            <FindingSection
              key={finding.kind}
              finding={finding}
              readyMinutes={data.readyMinutes}
              onRepair={setRepairTarget}
            />
          ))}
        </div>
      )}
      <CheckResults checks={data.checks} />
      {repairTarget && (
        <RepairDialog
          target={repairTarget}
          onClose={() => setRepairTarget(null)}
          onRepaired={(result) => {
            show(result);
            refresh();
          }}
        />
      )}
    </>
  );
}

/** The checks that found nothing, and those whose result is unknown. */
function CheckResults({ checks }: { checks: Check[] }) {
  const t = useTranslations('attention');
  const checksWithoutFinding = checks.filter(({ result }) => result !== 'found');
  if (checksWithoutFinding.length === 0) return null;
  return (
    <section aria-labelledby="checked" className="mt-6">
      <h2 id="checked" className="mb-1.5 text-sm font-semibold text-soft">
        {t('checked')}
      </h2>
      <ul className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-3">
        {checksWithoutFinding.map((check) => (
          <li
            key={check.kind}
            data-check={check.kind}
            data-result={check.result}
            className="flex items-start gap-1.5 text-sm"
          >
            <Icon
              name={check.result === 'clear' ? 'succeeded' : 'help'}
              className={`mt-0.5 size-3.5 ${check.result === 'clear' ? 'text-succeeded' : 'text-warn'}`}
            />
            <span>
              {t(`kinds.${check.kind}`)}
              <span className={check.result === 'clear' ? 'sr-only' : 'block text-warn'}>
                {' '}
                {t(`results.${resultOf(check)}`)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function resultOf(check: Check): 'clear' | 'unknown' | 'standby' {
  if (check.result === 'clear') return 'clear';
  return check.result === 'unknown' && check.reason === 'standby' ? 'standby' : 'unknown';
}
