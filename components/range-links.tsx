import { Link } from './link';

/** A choice among a few values, as links; the current one is marked. */
export function RangeLinks({
  label,
  choices,
}: {
  label: string;
  choices: { href: string; text: string; current: boolean }[];
}) {
  return (
    <nav aria-label={label} className="max-w-full overflow-x-auto rounded-md border border-line">
      <ul className="flex w-max">
        {choices.map(({ href, text, current }) => (
          <li key={href} className="border-line not-first:border-l">
            <Link
              href={href}
              prefetch={false}
              aria-current={current ? 'true' : undefined}
              className={
                'block px-2.5 py-1 text-sm whitespace-nowrap no-underline -outline-offset-2 ' +
                (current ? 'bg-accent-wash font-semibold text-accent' : 'text-ink hover:bg-sunken')
              }
            >
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
