'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { Attention, RepairTarget } from '@/lib/attention/types';
import { AbsoluteTime } from '../absolute-time';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { RefreshNote } from '../refresh-note';
import { Icon } from '../ui/icon';
import { useLiveQuery } from '../use-live-query';
import { Checked } from './checked';
import { FindingSection } from './finding-section';
import { RepairDialog, type Repaired } from './repair-dialog';
import { RepairOutcome } from './repair-outcome';

/** All findings, the worst first, kept fresh; what was looked for and not found stands below. */
export function AttentionView({ initial }: { initial: Attention }) {
  const t = useTranslations('attention');
  const errors = useTranslations('errors');
  const { basePath, refresh } = useLive();
  const [asking, setAsking] = useState<RepairTarget | null>(null);
  const { outcome: repaired, show, drop } = useLastOutcome<Repaired>();
  const outcome = useRef<HTMLDivElement>(null);
  // What was pressed is gone with what it repaired: the focus goes to what it came to.
  useEffect(() => outcome.current?.focus(), [repaired]);
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = useLiveQuery({
    key: ['attention'],
    fetch: (signal) => fetchJson<Attention>(`${basePath}/api/attention`, signal),
    initial,
  });
  const findings = data.checks.flatMap((check) =>
    check.result === 'found' ? [check.finding] : [],
  );
  const unknown = data.checks.some(({ result }) => result === 'unknown');
  return (
    <>
      <p className="mb-3 text-[13px] text-soft">
        {t.rich('checkedAt', { time: () => <AbsoluteTime iso={data.checkedAt} /> })}
      </p>
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {repaired && (
        <div ref={outcome} tabIndex={-1} role="status" className="mb-3">
          <Dismissible onDismiss={drop}>
            {repaired.result.ok ? (
              <RepairOutcome
                repair={repaired.target.repair}
                counts={repaired.result.value.counts}
                notDone={repaired.result.value.notDone}
              />
            ) : (
              <p className="text-danger">{errors(repaired.result.error)}</p>
            )}
          </Dismissible>
        </div>
      )}
      {findings.length === 0 ? (
        <div className="flex flex-col items-center gap-1 rounded-md border border-line px-4 py-8 text-center">
          <Icon
            name={unknown ? 'info' : 'succeeded'}
            className={`size-6 ${unknown ? 'text-soft' : 'text-succeeded'}`}
          />
          <p className="text-base font-semibold">{t('nothing')}</p>
          <p className="text-soft">{t(unknown ? 'nothingButUnknown' : 'nothingHint')}</p>
        </div>
      ) : (
        <div className="flex flex-col gap-4">
          {findings.map((finding) => (
            <FindingSection
              key={finding.kind}
              finding={finding}
              readyMinutes={data.readyMinutes}
              onAsk={setAsking}
            />
          ))}
        </div>
      )}
      <Checked checks={data.checks} />
      {asking && (
        <RepairDialog
          target={asking}
          onClose={() => setAsking(null)}
          onRepaired={(result) => {
            show(result);
            refresh();
          }}
        />
      )}
    </>
  );
}
