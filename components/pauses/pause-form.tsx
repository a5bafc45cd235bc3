'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type FormEvent, useId, useRef, useState } from 'react';
import { PAUSE_KINDS, type PauseKind } from '@/lib/good-job/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { fetchJson } from '../requests';
import { buttonClass } from '../ui/button';
import { usePause } from './pause-actions';
import { isPauseChanged, pauseOutcomeCode } from './pause-outcome';

/** Adds a pause; without JavaScript the form leads to the confirmation page. */
export function PauseForm({ canEnd }: { canEnd: boolean }) {
  const t = useTranslations();
  const href = useHref();
  const denial = useDenials()['pause.pause'];
  const button = useRef<HTMLButtonElement>(null);
  const [kind, setKind] = useState<PauseKind>('queue');
  const [name, setName] = useState('');
  const { openDialog, dialog } = usePause({
    canEnd,
    onDone: (_, result) => {
      if (isPauseChanged(pauseOutcomeCode(result))) setName('');
    },
    returnTo: button,
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (name.trim() !== '') openDialog('pause', { kind, name });
  }
  return (
    <>
      <form
        action={href('/pauses/pause')}
        aria-label={t('pauses.add')}
        onSubmit={submit}
        className="card mb-3 flex flex-wrap items-end gap-2 px-3 py-2.5"
      >
        <KindField kind={kind} onKind={setKind} disabled={denial !== undefined} />
        <NameField kind={kind} name={name} onName={setName} disabled={denial !== undefined} />
        <button
          ref={button}
          type="submit"
          disabled={denial !== undefined}
          className={buttonClass('primary')}
        >
          {t('pauses.pause.menu')}
        </button>
        {denial && <p className="basis-full text-sm text-soft">{t(`actions.why.${denial}`)}</p>}
      </form>
      {dialog}
    </>
  );
}

function KindField({
  kind,
  onKind,
  disabled,
}: {
  kind: PauseKind;
  onKind: (kind: PauseKind) => void;
  disabled: boolean;
}) {
  const t = useTranslations('pauses');
  return (
    <label className="flex flex-col gap-0.5">
      <span className="text-sm text-soft">{t('kind')}</span>
      <select
        name="type"
        value={kind}
        onChange={({ target }) => {
          const option = PAUSE_KINDS.find((candidate) => candidate === target.value);
          if (option) onKind(option);
        }}
        disabled={disabled}
        className="control"
      >
        {PAUSE_KINDS.map((option) => (
          <option key={option} value={option}>
            {t(`kinds.${option}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The name of the queue, class or label, with suggestions after the first focus. */
function NameField({
  kind,
  name,
  onName,
  disabled,
}: {
  kind: PauseKind;
  name: string;
  onName: (name: string) => void;
  disabled: boolean;
}) {
  const t = useTranslations('pauses');
  const href = useHref();
  const listId = useId();
  const [hasFocused, setHasFocused] = useState(false);
  const endpoint = `/api/pauses/values?${new URLSearchParams({ kind, typed: name })}`;
  const { data: suggestions = [] } = useQuery({
    queryKey: [endpoint],
    queryFn: ({ signal }) => fetchJson<string[]>(href(endpoint), signal),
    enabled: hasFocused,
    staleTime: 10_000,
    retry: false,
    placeholderData: (previous) => previous,
  });
  return (
    <label className="flex min-w-0 flex-1 flex-col gap-0.5 sm:max-w-96">
      <span className="text-sm text-soft">{t('name')}</span>
      <input
        name="value"
        maxLength={1000}
        required
        value={name}
        list={listId}
        autoComplete="off"
        spellCheck={false}
        disabled={disabled}
        onFocus={() => setHasFocused(true)}
        onChange={(event) => onName(event.target.value)}
        className="control w-full font-mono"
      />
      <datalist id={listId}>
        {suggestions.map((value) => (
          <option key={value} value={value} />
        ))}
      </datalist>
    </label>
  );
}
