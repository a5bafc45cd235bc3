'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import {
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  Suspense,
  useId,
  useOptimistic,
  useRef,
  useState,
  useTransition,
} from 'react';
import { flushSync } from 'react-dom';
import { useHref } from '../application';
import { announceNavigation, leavesPage } from '../navigation';
import { usePausePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript, preload } from '../ui/lazy-script';
import type { Option } from './completion';
import type { ChipTerm } from './query-terms';
import { SearchChips } from './search-chips';
import { searchHref, tokenAt } from './search-query';

// Loaded when the search box gets focus.
const loadCompletion = () => import('./completion');
const Completion = lazyScript(loadCompletion);

interface Props {
  path: string;
  /** The filter's query parameters, including GoodJob's own, without a cursor. */
  params: Record<string, string>;
  chips: ChipTerm[];
  /** Controls next to the box: time filter and help. */
  children?: ReactNode;
}

/** `chips` with `text` as chip `n`, or without that chip if `text` is blank. */
function withText(chips: ChipTerm[], n: number, text: string): ChipTerm[] {
  const chip: ChipTerm = { text: text.trim(), param: 'q', problem: null, time: null };
  return [...chips.slice(0, n), ...(chip.text ? [chip] : []), ...chips.slice(n + 1)];
}

/** The text of the box with its caret and the token there. */
function useQueryText(input: RefObject<HTMLInputElement | null>) {
  const [text, setText] = useState('');
  const [caret, setCaret] = useState(0);
  /** Synchronous, because setting the caret a frame later would move it away from newer input. */
  const setTextAndCaret = (value: string, at: number) => {
    flushSync(() => {
      setText(value);
      setCaret(at);
    });
    input.current?.setSelectionRange(at, at);
  };
  return { text, caret, token: tokenAt(text, caret), setText, setCaret, setTextAndCaret };
}

/** The completion list and its active option. */
function useOptionList() {
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [options, setOptions] = useState<Option[]>([]);
  const move = (direction: 1 | -1) => {
    const current = active < 0 && direction < 0 ? 0 : active;
    setActive((current + direction + options.length) % options.length);
  };
  return { open, setOpen, active, setActive, options, setOptions, move };
}

/** The chips, updated before the navigation ends, and the one being edited. */
function useChips(currentChips: ChipTerm[]) {
  const [chips, showChips] = useOptimistic(currentChips);
  /** The chip being edited; Escape restores it. */
  const [editedChip, setEditedChip] = useState<{ n: number; text: string } | null>(null);
  // Navigation, such as the back button, replaced the search being edited.
  const currentKey = JSON.stringify(currentChips);
  const [lastKey, setLastKey] = useState(currentKey);
  if (lastKey !== currentKey) {
    setLastKey(currentKey);
    setEditedChip(null);
  }
  const visibleChips = editedChip ? chips.filter((_, n) => n !== editedChip.n) : chips;
  const originalIndex = (n: number) => (editedChip && n >= editedChip.n ? n + 1 : n);
  return { chips, showChips, editedChip, setEditedChip, visibleChips, originalIndex };
}

/**
 * The state of the search box and what its keys and buttons do. One long function, because they
 * share the text, the chips and the list.
 */
function useSearchBox({ path, params, chips: currentChips }: Props) {
  const router = useRouter();
  const url = useHref();
  const input = useRef<HTMLInputElement>(null);
  const [isPending, startTransition] = useTransition();
  const [isComposing, setIsComposing] = useState(false);
  const chipState = useChips(currentChips);
  const { chips, showChips, editedChip, setEditedChip, visibleChips, originalIndex } = chipState;
  const query = useQueryText(input);
  const { text, token, setText, setTextAndCaret } = query;
  const list = useOptionList();
  const isCompleting = list.open && !isComposing;
  const isExpanded = isCompleting && list.options.length > 0;
  usePausePolling(list.open || text !== '');

  function search(next: ChipTerm[]) {
    setText('');
    setEditedChip(null);
    list.setOpen(false);
    const target = searchHref(path, params, next);
    // Outside of the transition, which would delay the progress bar until the page is there.
    if (leavesPage(url(target))) announceNavigation();
    startTransition(() => {
      showChips(next);
      router.push(target);
    });
    input.current?.focus();
  }
  const submit = () => {
    if (text.trim() || editedChip) search(withText(chips, editedChip?.n ?? chips.length, text));
  };
  function edit(n: number) {
    const chip = chips[n];
    if (!chip) return;
    setEditedChip({ n, text: chip.text });
    setTextAndCaret(chip.text, chip.text.length);
    input.current?.focus();
  }
  function applyOption(option: Option) {
    const textAfter = text.slice(token.end).replace(/^\s+/, option.insert.endsWith(' ') ? '' : ' ');
    const completed = text.slice(0, token.start) + option.insert + textAfter;
    setTextAndCaret(completed, token.start + option.insert.length);
    list.setActive(-1);
    list.setOpen(!option.insert.endsWith(' '));
  }
  function onArrow(direction: 1 | -1) {
    if (isExpanded) return list.move(direction);
    list.setOpen(true);
    list.setActive(0);
  }
  function onEscape() {
    if (!isExpanded) {
      setEditedChip(null);
      setText('');
    }
    list.setOpen(false);
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    // An IME handles its own keys, including the final Enter (229 if isComposing is already false).
    if (isComposing || event.nativeEvent.isComposing || event.keyCode === 229) return;
    const { key, currentTarget } = event;
    const activeOption = isExpanded ? list.options[list.active] : undefined;
    const isBeforeText = currentTarget.selectionStart === 0 && currentTarget.selectionEnd === 0;
    const isAtChips = isBeforeText && chips.length > 0;
    if (key === 'Enter' && activeOption) applyOption(activeOption);
    else if (key === 'Enter') submit();
    else if (key === 'ArrowDown') onArrow(1);
    else if (key === 'ArrowUp' && isExpanded) onArrow(-1);
    else if (key === 'Escape' && (isExpanded || editedChip)) onEscape();
    else if (key === 'Backspace' && isAtChips && !editedChip && text === '') edit(chips.length - 1);
    else if (key === 'ArrowLeft' && isAtChips)
      currentTarget.form
        ?.querySelectorAll<HTMLElement>('[data-chip]')
        .item(chips.length - 1 - (editedChip ? 1 : 0))
        ?.focus();
    else return;
    event.preventDefault();
  }
  return {
    input,
    query,
    list,
    visibleChips,
    isPending,
    isCompleting,
    isExpanded,
    setIsComposing,
    submit: () => {
      if (!isComposing) submit();
    },
    editVisible: (n: number) => edit(originalIndex(n)),
    removeVisible: (n: number) => search(visibleChips.filter((_, other) => other !== n)),
    applyOption,
    onKeyDown,
  };
}

/** The search box: the conditions as chips, and the text of the one being edited. */
export function SearchBox(props: Props) {
  const t = useTranslations('search');
  const optionsId = `${useId()}-options`;
  const box = useSearchBox(props);
  const frame = useRef<HTMLDivElement>(null);
  const { input, query, list, visibleChips } = box;
  return (
    <div className="js-only mb-3 flex flex-wrap items-start gap-2">
      <form
        role="search"
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          box.submit();
        }}
      >
        <div ref={frame} className="min-w-0 flex-1 basis-72 max-sm:basis-0">
          <div
            className={
              'flex control min-h-9 flex-wrap items-center gap-1 focus-within:border-accent ' +
              'focus-within:outline-2 focus-within:outline-accent'
            }
            onClick={(event) => event.target === event.currentTarget && input.current?.focus()}
          >
            <Icon name="search" className="mr-0.5 text-soft" />
            <SearchChips
              chips={visibleChips}
              onEdit={box.editVisible}
              onRemove={box.removeVisible}
              onLeave={() => input.current?.focus()}
            />
            <QueryInput box={box} optionsId={optionsId} />
          </div>
          {box.isCompleting && (
            <Suspense>
              <Completion
                id={optionsId}
                query={query.text}
                caret={query.caret}
                token={query.token}
                active={list.active}
                anchor={frame}
                onChoose={box.applyOption}
                onOptions={list.setOptions}
              />
            </Suspense>
          )}
        </div>
        <button
          type="submit"
          disabled={box.isPending}
          className={`${buttonClass('primary')} min-h-9 max-sm:hidden`}
        >
          {t(box.isPending ? 'searching' : 'search')}
        </button>
      </form>
      {props.children}
    </div>
  );
}

function QueryInput({
  box,
  optionsId,
}: {
  box: ReturnType<typeof useSearchBox>;
  optionsId: string;
}) {
  const t = useTranslations('search');
  const { input, query, list, visibleChips, isExpanded } = box;
  return (
    <input
      ref={input}
      type="text"
      role="combobox"
      value={query.text}
      aria-label={t('label')}
      aria-expanded={isExpanded}
      aria-controls={optionsId}
      aria-autocomplete="list"
      aria-activedescendant={
        isExpanded && list.active >= 0 ? `${optionsId}-${list.active}` : undefined
      }
      placeholder={visibleChips.length === 0 ? t('placeholder') : undefined}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      enterKeyHint="search"
      className={
        'min-w-24 flex-1 bg-transparent py-0.5 font-mono text-sm outline-none ' +
        'placeholder:font-sans placeholder:text-soft'
      }
      onChange={(event) => {
        query.setText(event.target.value);
        query.setCaret(event.target.selectionStart ?? event.target.value.length);
        list.setActive(-1);
        list.setOpen(event.target.value !== '');
      }}
      onSelect={(event) => query.setCaret(event.currentTarget.selectionStart ?? 0)}
      onKeyDown={box.onKeyDown}
      onCompositionStart={() => box.setIsComposing(true)}
      onCompositionEnd={() => box.setIsComposing(false)}
      onFocus={() => preload(loadCompletion)}
      onBlur={() => list.setOpen(false)}
    />
  );
}
