'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type FormEvent, useId, useRef, useState } from 'react';
import { PAUSE_KINDS, type PauseKind } from '@/lib/good-job/settings';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { OutcomeLine } from '../jobs/outcome-text';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { type PauseActed, pauseCode, usePause, usePauseText } from './use-pause';

/** Adds a pause. Without JavaScript the form leads to the page that asks. */
export function PauseForm() {
  const t = useTranslations();
  const { basePath, refresh } = useLive();
  const denied = useDenials()['pause.pause'];
  const text = usePauseText();
  const list = useId();
  const button = useRef<HTMLButtonElement>(null);
  const [kind, setKind] = useState<PauseKind>('queue');
  const [name, setName] = useState('');
  const [asked, setAsked] = useState(false);
  const { outcome: acted, show, drop } = useLastOutcome<PauseActed>();
  const door = `/api/pauses/values?${new URLSearchParams({ kind, typed: name })}`;
  const { data: known = [] } = useQuery({
    queryKey: [door],
    queryFn: ({ signal }) => fetchJson<string[]>(basePath + door, signal),
    enabled: asked,
    staleTime: 10_000,
    retry: false,
    placeholderData: (before) => before,
  });
  const { ask, dialog } = usePause(
    'pause',
    (result) => {
      show(result);
      if (pauseCode(result.result) === 'done') setName('');
      refresh();
    },
    button,
  );
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    drop();
    if (name.trim() !== '') ask({ kind, name });
  }
  return (
    <>
      <form
        action={`${basePath}/pauses/pause`}
        aria-label={t('pauses.add')}
        onSubmit={submit}
        className="mb-3 flex flex-wrap items-end gap-2 rounded-md border border-line px-3 py-2.5"
      >
        <label className="flex flex-col gap-0.5">
          <span className="text-[13px] text-soft">{t('pauses.kind')}</span>
          <select
            name="type"
            value={kind}
            onChange={(event) => setKind(event.target.value as PauseKind)}
            disabled={denied !== undefined}
            className="control"
          >
            {PAUSE_KINDS.map((one) => (
              <option key={one} value={one}>
                {t(`pauses.kinds.${one}`)}
              </option>
            ))}
          </select>
        </label>
        <label className="flex min-w-0 flex-1 flex-col gap-0.5 sm:max-w-96">
          <span className="text-[13px] text-soft">{t('pauses.name')}</span>
          <input
            name="value"
            maxLength={1000}
            required
            value={name}
            list={list}
            autoComplete="off"
            spellCheck={false}
            disabled={denied !== undefined}
            onFocus={() => setAsked(true)}
            onChange={(event) => setName(event.target.value)}
            className="control w-full font-mono"
          />
          <datalist id={list}>
            {known.map((value) => (
              <option key={value} value={value} />
            ))}
          </datalist>
        </label>
        <button
          ref={button}
          type="submit"
          disabled={denied !== undefined}
          className={buttonClass('primary')}
        >
          {t('pauses.pause.menu')}
        </button>
        {denied && <p className="basis-full text-[13px] text-soft">{t(`actions.why.${denied}`)}</p>}
      </form>
      {acted && (
        <div className="mb-3">
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={pauseCode(acted.result) === 'done'}
              text={text('pause', pauseCode(acted.result), acted.target.name) ?? ''}
            />
          </Dismissible>
        </div>
      )}
      {dialog}
    </>
  );
}
