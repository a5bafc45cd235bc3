'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import {
  type KeyboardEvent,
  type ReactNode,
  Suspense,
  useId,
  useOptimistic,
  useRef,
  useState,
  useTransition,
} from 'react';
import { flushSync } from 'react-dom';
import type { ChipTerm } from '../jobs/query-terms';
import { usePausePolling } from '../live';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript, preload } from '../ui/lazy-script';
import { SearchChips } from './search-chips';
import { searchHref } from './search-href';
import { typedAt } from './token-at';
import type { Option } from './use-completion';

// What completes a search comes when a reader turns to the box.
const load = () => import('./completion');
const Completion = lazyScript(load);

interface Props {
  path: string;
  /** The filter's query parameters, GoodJob's own among them, without a cursor. */
  params: Record<string, string>;
  chips: ChipTerm[];
  /** Beside the box: the choice of times, help. */
  children?: ReactNode;
}

/** The search in words: its conditions as chips, and the text of the one that is being written. */
export function SearchBox({ path, params, chips: given, children }: Props) {
  const t = useTranslations('search');
  const router = useRouter();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [pending, startTransition] = useTransition();
  const [chips, showChips] = useOptimistic(given);
  const [text, setText] = useState('');
  const [caret, setCaret] = useState(0);
  const [composing, setComposing] = useState(false);
  /** The chip that the text was, and goes back to on Escape. */
  const [edited, setEdited] = useState<{ n: number; text: string } | null>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const typed = typedAt(text, caret);
  const [options, setOptions] = useState<Option[]>([]);
  const completing = open && !composing;
  const expanded = completing && options.length > 0;
  usePausePolling(open || text !== '');
  // Another search than the one that was being edited: a link, the back button.
  const current = JSON.stringify(given);
  const [known, setKnown] = useState(current);
  if (known !== current) {
    setKnown(current);
    setEdited(null);
  }

  function search(next: ChipTerm[]) {
    setText('');
    setEdited(null);
    setOpen(false);
    startTransition(() => {
      showChips(next);
      router.push(searchHref(path, params, next));
    });
    input.current?.focus();
  }
  const chipOfText = (): ChipTerm[] =>
    text.trim() ? [{ text: text.trim(), param: 'q', problem: null, time: null }] : [];
  const submit = () => {
    if (text.trim() || edited)
      search(
        edited
          ? chips.flatMap((chip, n) => (n === edited.n ? chipOfText() : [chip]))
          : [...chips, ...chipOfText()],
      );
  };
  /** At once: a frame later the caret would go back behind what a fast hand has typed since. */
  const write = (value: string, at: number) => {
    flushSync(() => {
      setText(value);
      setCaret(at);
    });
    input.current?.setSelectionRange(at, at);
  };
  function edit(n: number) {
    const chip = chips[n];
    if (!chip) return;
    setEdited({ n, text: chip.text });
    write(chip.text, chip.text.length);
    input.current?.focus();
  }
  function choose(option: Option) {
    const next =
      text.slice(0, typed.start) +
      option.insert +
      text.slice(typed.end).replace(/^\s+/, option.insert.endsWith(' ') ? '' : ' ');
    write(next, typed.start + option.insert.length);
    setActive(-1);
    setOpen(!option.insert.endsWith(' '));
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    // An input method has the keys for itself, also the Enter that ends it (229 where isComposing has ended already).
    if (composing || event.nativeEvent.isComposing || event.keyCode === 229) return;
    const chosen = expanded ? options[active] : undefined;
    const atStart =
      event.currentTarget.selectionStart === 0 && event.currentTarget.selectionEnd === 0;
    if (event.key === 'Enter') {
      if (chosen) choose(chosen);
      else submit();
    } else if (event.key === 'ArrowDown' || (event.key === 'ArrowUp' && expanded)) {
      if (expanded)
        setActive(
          (active +
            (event.key === 'ArrowDown' ? 1 : -1) +
            options.length +
            (active < 0 && event.key === 'ArrowUp' ? 1 : 0)) %
            options.length,
        );
      else {
        setOpen(true);
        setActive(0);
      }
    } else if (event.key === 'Escape' && (expanded || edited)) {
      if (!expanded) {
        setEdited(null);
        setText('');
      }
      setOpen(false);
    } else if (event.key === 'Backspace' && atStart && chips.length > 0 && !edited && text === '')
      edit(chips.length - 1);
    else if (event.key === 'ArrowLeft' && atStart && chips.length > 0)
      event.currentTarget.form
        ?.querySelectorAll<HTMLElement>('[data-chip]')
        .item(chips.length - 1 - (edited ? 1 : 0))
        ?.focus();
    else return;
    event.preventDefault();
  }

  const shown = edited ? chips.filter((_, n) => n !== edited.n) : chips;
  const originalOf = (n: number) => (edited && n >= edited.n ? n + 1 : n);
  return (
    <div className="js-only mb-3 flex flex-wrap items-start gap-2">
      <form
        role="search"
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (!composing) submit();
        }}
      >
        <div className="relative min-w-0 flex-1 basis-72 max-sm:basis-full">
          <div
            className="flex control min-h-9 flex-wrap items-center gap-1 focus-within:border-accent focus-within:outline-2 focus-within:outline-accent"
            onClick={(event) => event.target === event.currentTarget && input.current?.focus()}
          >
            <Icon name="search" className="mr-0.5 text-soft" />
            <SearchChips
              chips={shown}
              onEdit={(n) => edit(originalOf(n))}
              onRemove={(n) => search(shown.filter((_, other) => other !== n))}
              onLeave={() => input.current?.focus()}
            />
            <input
              ref={input}
              type="text"
              role="combobox"
              value={text}
              aria-label={t('label')}
              aria-expanded={expanded}
              aria-controls={`${id}-options`}
              aria-autocomplete="list"
              aria-activedescendant={
                expanded && active >= 0 ? `${id}-options-${active}` : undefined
              }
              placeholder={shown.length === 0 ? t('placeholder') : undefined}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
              enterKeyHint="search"
              className="min-w-24 flex-1 bg-transparent py-0.5 font-mono text-[13px] outline-none placeholder:font-sans placeholder:text-soft"
              onChange={(event) => {
                setText(event.target.value);
                setCaret(event.target.selectionStart ?? event.target.value.length);
                setActive(-1);
                setOpen(event.target.value !== '');
              }}
              onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
              onKeyDown={onKeyDown}
              onCompositionStart={() => setComposing(true)}
              onCompositionEnd={() => setComposing(false)}
              onFocus={() => preload(load)}
              onBlur={() => setOpen(false)}
            />
          </div>
          {completing && (
            <Suspense>
              <Completion
                id={`${id}-options`}
                query={text}
                caret={caret}
                typed={typed}
                active={active}
                onChoose={choose}
                onOptions={setOptions}
              />
            </Suspense>
          )}
        </div>
        <button type="submit" disabled={pending} className={`${buttonClass('primary')} min-h-9`}>
          {t(pending ? 'searching' : 'search')}
        </button>
      </form>
      {children}
    </div>
  );
}
