import { type RefObject, useEffect, useEffectEvent, useRef } from 'react';

/** What the keys of a list do; `row` is the id of the row that has the focus, if one has. */
interface ListKeys {
  /** Moves to the next or previous row, or to the first or last one. */
  move: (to: 'next' | 'previous' | 'first' | 'last') => void;
  preview: (row: string) => void;
  open: (row: string) => void;
  select: (row: string, range: boolean) => void;
  selectPage: () => void;
  act: (action: 'retry' | 'reschedule' | 'discard') => void;
  copy: () => void;
  /** Returns whether there was something to close. */
  close: () => boolean;
}

const KEYS_SETTING = 'gjc_keys';
const FIELDS = 'input:not([type="checkbox"]), textarea, select, [contenteditable="true"]';
const OVERLAYS = 'dialog, [popover], [role="menu"], [role="listbox"]';
/** After `g` a key goes to a page and is none of the list's. */
const SEQUENCE_MS = 1_500;

const ACTIONS = { r: 'retry', s: 'reschedule', d: 'discard' } as const;
const MOVES = {
  j: 'next',
  ArrowDown: 'next',
  k: 'previous',
  ArrowUp: 'previous',
  Home: 'first',
  End: 'last',
} as const;

const isLetter = (key: string) => key.length === 1 && key !== ' ';
const has = <T extends object>(keys: T, key: string): key is Extract<keyof T, string> =>
  Object.hasOwn(keys, key);

/**
 * Whether the focus is where the keys of a list work: in it; for the main list of a page also in its
 * preview, or nowhere.
 */
function isInReach(target: Element, list: HTMLElement, isMain: boolean): boolean {
  if (target.closest(OVERLAYS) || target.closest(FIELDS)) return false;
  if (document.querySelector('dialog[open]')) return false;
  if (list.contains(target)) return true;
  const isNowhere = target === document.body || target.id === 'content';
  return isMain && (isNowhere || target.closest('[data-preview]') !== null);
}

/** Handles the keys of a list. */
export function useListKeys(
  list: RefObject<HTMLElement | null>,
  isMain: boolean,
  keys: ListKeys,
): void {
  /** When `g` was pressed. */
  const sequenceAt = useRef(-Infinity);
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.isComposing || !list.current) return;
    if (!(target instanceof Element) || !isInReach(target, list.current, isMain)) return;
    const row = target.closest<HTMLElement>('[data-job]');
    if (isSelectPage(event)) {
      if (!row || !list.current.contains(row)) return;
      keys.selectPage();
      return event.preventDefault();
    }
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (isLetter(key)) {
      const isSecond = event.timeStamp - sequenceAt.current < SEQUENCE_MS;
      sequenceAt.current = key === 'g' ? event.timeStamp : -Infinity;
      if (isSecond || localStorage.getItem(KEYS_SETTING) === 'off') return;
    }
    if (handleKey(event, target, { list: list.current, row, keys })) event.preventDefault();
  });
  useEffect(() => {
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
}

const isSelectPage = ({ key, metaKey, ctrlKey, altKey }: KeyboardEvent) =>
  (metaKey || ctrlKey) && !altKey && key.toLowerCase() === 'a';

/** Returns whether the key did something. */
function handleKey(
  { key, shiftKey }: KeyboardEvent,
  target: Element,
  { list, row, keys }: { list: HTMLElement; row: HTMLElement | null; keys: ListKeys },
): boolean {
  const isInList = list.contains(target);
  const focusedRow = row === target ? row?.dataset.job : undefined;
  if (key === 'Escape') return keys.close();
  if (has(MOVES, key)) {
    if (!isLetter(key) && !isInList) return false;
    keys.move(MOVES[key]);
    return true;
  }
  if (key === 'ArrowLeft' || key === 'ArrowRight')
    return !shiftKey && isInList && moveInside(target, key === 'ArrowRight' ? 1 : -1);
  if (key.toLowerCase() === 'x' && row?.dataset.job) keys.select(row.dataset.job, shiftKey);
  else if (has(ACTIONS, key)) keys.act(ACTIONS[key]);
  else if (key === 'c') keys.copy();
  else if (focusedRow && key === ' ') keys.preview(focusedRow);
  else if (focusedRow && key === 'Enter') keys.open(focusedRow);
  else if (key === 'Enter' && target.getAttribute('role') === 'columnheader')
    target.querySelector('a')?.click();
  else return false;
  return true;
}

/** Moves the focus between a row and its controls, or between the column headers. */
function moveInside(target: Element, direction: 1 | -1): boolean {
  const row = target.closest<HTMLElement>('[data-job], [role="row"]');
  if (!row) return false;
  const isHead = row.dataset.job === undefined;
  const controls = [
    ...row.querySelectorAll<HTMLElement>(
      isHead ? '[role="columnheader"][tabindex], input' : 'a, button, input, [tabindex]',
    ),
  ].filter((element) => element.offsetParent !== null);
  const stops = isHead ? controls : [row, ...controls];
  const next = stops[stops.indexOf(target as HTMLElement) + direction];
  next?.focus();
  return next !== undefined;
}
