import type { PATHS } from './icon-sprite';

export type IconName = keyof typeof PATHS;

/** A use of an icon in the sprite; decorative: the text beside it says the same. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg aria-hidden="true" className={`icon ${className}`}>
      <use href={`#icon-${name}`} />
    </svg>
  );
}
