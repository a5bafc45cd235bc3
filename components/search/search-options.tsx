import type { RefObject } from 'react';
import { Floating } from '../ui/floating';
import type { Option } from './use-completion';

/** The completions as a listbox; the search box handles its keys. */
export function SearchOptions({
  id,
  label,
  options,
  active,
  anchor,
  onChoose,
}: {
  id: string;
  label: string;
  options: Option[];
  active: number;
  /** The search box. */
  anchor: RefObject<HTMLElement | null>;
  onChoose: (option: Option) => void;
}) {
  return (
    <Floating
      anchor={anchor}
      placement="bottom-start"
      className="max-h-72 min-w-56 overflow-y-auto p-1"
    >
      <ul id={id} role="listbox" aria-label={label}>
        {options.map((option, n) => (
          <li
            key={option.text}
            id={`${id}-${n}`}
            role="option"
            aria-selected={n === active}
            // On pointer down, because a click would first blur the search box.
            onPointerDown={(event) => {
              event.preventDefault();
              onChoose(option);
            }}
            className={
              'flex cursor-pointer items-baseline justify-between gap-6 rounded px-2 py-1 ' +
              (n === active ? 'bg-accent-wash' : 'hover:bg-sunken')
            }
          >
            <span className="font-mono text-sm any-break">{option.text}</span>
            {option.meaning && (
              <span className="text-sm whitespace-nowrap text-soft">{option.meaning}</span>
            )}
          </li>
        ))}
      </ul>
    </Floating>
  );
}
