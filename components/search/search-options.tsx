import type { Option } from './use-completion';

/** The completions as a listbox; the search box handles its keys. */
export function SearchOptions({
  id,
  label,
  options,
  active,
  onChoose,
}: {
  id: string;
  label: string;
  options: Option[];
  active: number;
  onChoose: (option: Option) => void;
}) {
  return (
    <ul
      id={id}
      role="listbox"
      aria-label={label}
      className="floating absolute top-full left-0 z-30 mt-1 max-h-72 w-max max-w-full min-w-56 overflow-y-auto p-1"
    >
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
          <span className="font-mono text-[13px] any-break">{option.text}</span>
          {option.meaning && (
            <span className="text-[13px] whitespace-nowrap text-soft">{option.meaning}</span>
          )}
        </li>
      ))}
    </ul>
  );
}
