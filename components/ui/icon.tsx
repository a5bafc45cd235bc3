import type { IconName } from './icon-sprite';

export type { IconName };

/** An icon of the sprite, hidden from screen readers because it repeats the adjacent text. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg aria-hidden="true" className={`icon ${className}`}>
      <use href={`#icon-${name}`} />
    </svg>
  );
}
