'use client';

import { useTranslations } from 'next-intl';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { usePausePolling } from '../polling/polling-provider';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { type PaletteGroup, type PaletteItem, usePaletteItems } from './use-palette-items';

interface Props {
  onShowKeys: () => void;
  onToggleLive: () => void;
  onClose: () => void;
}

/** Finds pages, jobs, batches, names, actions and commands by text: a dialog with a combobox. */
export function Palette({ onShowKeys, onToggleLive, onClose }: Props) {
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
