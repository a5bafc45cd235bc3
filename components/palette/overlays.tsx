'use client';

import { useTranslations } from 'next-intl';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { PaletteMessages } from '../i18n/more-messages';
import { usePausePolling } from '../polling/polling-provider';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { GO_KEYS, setKeysOn, useKeysOn } from './keyboard';
import { isMacAgent } from './platform';
import { type PaletteGroup, type PaletteItem, usePaletteItems } from './use-palette-items';

interface OverlaysProps {
  overlay: 'palette' | 'keys';
  onShow: (overlay: 'palette' | 'keys') => void;
  onToggleLive: () => void;
  onClose: () => void;
}

/** The palette or the sheet of keys, loaded when it opens first. */
export default function Overlays({ overlay, onShow, onToggleLive, onClose }: OverlaysProps) {
  return (
    <PaletteMessages>
      {overlay === 'palette' ? (
        <Palette onShowKeys={() => onShow('keys')} onToggleLive={onToggleLive} onClose={onClose} />
      ) : (
        <KeySheet onClose={onClose} />
      )}
    </PaletteMessages>
  );
}

interface PaletteProps {
  onShowKeys: () => void;
  onToggleLive: () => void;
  onClose: () => void;
}

/** Finds pages, jobs, batches, names, actions and commands by text: a dialog with a combobox. */
function Palette({ onShowKeys, onToggleLive, onClose }: PaletteProps) {
  const t = useTranslations('palette');
  const id = useId();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const { groups, isLoading } = usePaletteItems(text, { onShowKeys, onToggleLive });
  const items = groups.flatMap((group) => group.items);
  const activeItem = items[Math.min(active, items.length - 1)];
  usePausePolling(true);
  const optionId = (item: PaletteItem) => `${id}-${items.indexOf(item)}`;
  const choose = (item: PaletteItem | undefined) => {
    if (!item || item.reason) return;
    onClose();
    item.choose();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // An IME handles its own keys, including the Enter that ends it.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    const last = items.length - 1;
    const current = Math.min(active, last);
    if (event.key === 'ArrowDown') setActive(current >= last ? 0 : current + 1);
    else if (event.key === 'ArrowUp') setActive(current <= 0 ? last : current - 1);
    else if (event.key === 'Enter') choose(activeItem);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog
      labelledBy={`${id}-title`}
      onClose={onClose}
      className="mt-[12dvh] flex w-[min(40rem,calc(100vw-1rem))] flex-col p-0"
    >
      <h2 id={`${id}-title`} className="sr-only">
        {t('title')}
      </h2>
      <div className="flex items-center gap-2 border-b border-line px-4">
        <Icon name="search" className="text-soft" />
        <input
          data-focus-first=""
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={activeItem && optionId(activeItem)}
          aria-label={t('title')}
          placeholder={t('placeholder')}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={text}
          onChange={({ target }) => {
            setText(target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
          className="min-h-12 min-w-0 flex-1 bg-transparent text-base outline-none placeholder:text-soft"
        />
        <kbd className="kbd">Esc</kbd>
      </div>
      <p role="status" className="sr-only">
        {isLoading ? t('loading') : t('count', { count: items.length })}
      </p>
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label={t('results')}
        className="h-[min(26rem,60dvh)] overflow-y-auto p-2"
      >
        {groups.map((group) => (
          <Group
            key={group.name}
            group={group}
            titleId={`${id}-${group.name}`}
            activeItem={activeItem}
            optionId={optionId}
            onChoose={choose}
            onActivate={(item) => setActive(items.indexOf(item))}
          />
        ))}
      </div>
    </Dialog>
  );
}

interface GroupProps {
  group: PaletteGroup;
  titleId: string;
  activeItem: PaletteItem | undefined;
  optionId: (item: PaletteItem) => string;
  onChoose: (item: PaletteItem) => void;
  onActivate: (item: PaletteItem) => void;
}

function Group({ group, titleId, activeItem, optionId, onChoose, onActivate }: GroupProps) {
  const t = useTranslations('palette.groups');
  return (
    <div role="group" aria-labelledby={titleId}>
      <p id={titleId} role="presentation" className="px-2 pt-2 pb-1 text-xs text-faint">
        {t(group.name)}
      </p>
      {group.items.map((item) => (
        <Option
          key={item.key}
          id={optionId(item)}
          item={item}
          isActive={item === activeItem}
          onChoose={() => onChoose(item)}
          onActivate={() => onActivate(item)}
        />
      ))}
    </div>
  );
}

function Option({
  id,
  item,
  isActive,
  onChoose,
  onActivate,
}: {
  id: string;
  item: PaletteItem;
  isActive: boolean;
  onChoose: () => void;
  onActivate: () => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isActive) element.current?.scrollIntoView({ block: 'nearest' });
  }, [isActive]);
  const { icon, text, detail, reason } = item;
  return (
    <div
      ref={element}
      id={id}
      role="option"
      aria-selected={isActive}
      aria-disabled={reason ? true : undefined}
      // Not mousedown, which would take the focus from the input.
      onMouseDown={(event) => event.preventDefault()}
      onClick={onChoose}
      onPointerMove={isActive ? undefined : onActivate}
      className="palette-option"
    >
      <Icon name={icon} className="text-soft" />
      <span className="min-w-0 truncate">{text}</span>
      {(reason ?? detail) && (
        <span className="ml-auto shrink-0 pl-3 text-xs text-soft">{reason ?? detail}</span>
      )}
    </div>
  );
}

/** All keys, and the switch that turns the single ones off. */
function KeySheet({ onClose }: { onClose: () => void }) {
  const t = useTranslations('keys');
  const nav = useTranslations('nav');
  const common = useTranslations('common');
  const heading = useId();
  const isOn = useKeysOn();
  usePausePolling(true);
  const isMac = isMacAgent(navigator.userAgent);
  return (
    <Dialog labelledBy={heading} onClose={onClose} className="w-[min(46rem,calc(100vw-2rem))] p-5">
      <div className="flex items-start justify-between gap-4">
        <h2 id={heading} className="text-lg font-semibold">
          {t('title')}
        </h2>
        <Button kind="quiet" onClick={onClose} data-focus-first="">
          {common('dismiss')}
        </Button>
      </div>
      <label className="mt-1 flex items-center gap-2">
        <input
          type="checkbox"
          checked={isOn}
          onChange={({ target }) => setKeysOn(target.checked)}
        />
        {t('switch')}
      </label>
      <p className="text-soft">{t('switchHint')}</p>
      <div className="mt-4 flex flex-col gap-4 sm:grid sm:grid-cols-2 sm:items-start sm:gap-x-8">
        <div className="flex flex-col gap-4">
          <KeyGroup title={t('general')}>
            <Row keys={[isMac ? '⌘' : 'Ctrl', 'K']} text={t('palette')} />
            <Row keys={['/']} text={t('search')} />
            <Row keys={['?']} text={t('sheet')} />
            <Row keys={['t']} text={t('theme')} />
            <Row keys={['l']} text={t('live')} />
          </KeyGroup>
          <KeyGroup title={t('go')} hint={t('hint')}>
            {Object.entries(GO_KEYS).map(([key, page]) => (
              <Row key={page} keys={['g', key]} text={nav(page)} />
            ))}
          </KeyGroup>
        </div>
        <KeyGroup title={t('list')}>
          {LIST_KEYS.map(([name, key]) => (
            <Row key={name} keys={[key]} text={t(`listKeys.${name}`)} />
          ))}
        </KeyGroup>
      </div>
    </Dialog>
  );
}

function KeyGroup({
  title,
  hint,
  children,
}: {
  title: string;
  hint?: string;
  children: ReactNode;
}) {
  return (
    <section>
      <h3 className="mb-1 card-title">{title}</h3>
      <dl>{children}</dl>
      {hint && <p className="mt-1 text-soft">{hint}</p>}
    </section>
  );
}

function Row({ keys, text }: { keys: string[]; text: string }) {
  return (
    <div className="flex min-h-7 items-center justify-between gap-4 border-t border-line py-0.5">
      <dt>{text}</dt>
      <dd className="flex gap-1">
        {keys.map((key) => (
          <kbd key={key} className="kbd">
            {key}
          </kbd>
        ))}
      </dd>
    </div>
  );
}

/** The keys of a job list, by what they do. */
const LIST_KEYS = [
  ['next', 'j'],
  ['previous', 'k'],
  ['preview', 'Space'],
  ['open', 'Enter'],
  ['select', 'x'],
  ['range', 'Shift x'],
  ['retry', 'r'],
  ['reschedule', 's'],
  ['discard', 'd'],
  ['copy', 'c'],
] as const;
