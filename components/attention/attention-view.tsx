'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { Attention, RepairTarget } from '@/lib/attention/types';
import { AbsoluteTime } from '../absolute-time';
import { useHref } from '../application';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { useLastOutcome } from '../outcomes';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { usePollingQuery } from '../polling/use-polling-query';
import { Icon } from '../ui/icon';
import { CheckResults } from './check-results';
import { FindingSection } from './finding-section';
import { RepairDialog, type RepairAttempt } from './repair-dialog';
import { RepairOutcome } from './repair-outcome';

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
