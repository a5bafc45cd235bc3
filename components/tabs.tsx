import { Link } from './link';

/** Links that choose a value of a filter; the current one is marked. */
export function Tabs({
  label,
  tabs,
}: {
  label: string;
  tabs: { href: string; text: string; current: boolean }[];
}) {
  return (
    <nav aria-label={label} className="mb-3 border-b border-line">
      <ul className="-mb-px flex flex-wrap gap-x-1">
        {tabs.map(({ href, text, current }) => (
          <li key={href}>
            <Link
              href={href}
              prefetch={false}
              aria-current={current ? 'page' : undefined}
              className={
                'block border-b-2 px-2.5 py-1.5 whitespace-nowrap no-underline ' +
                (current
                  ? 'border-accent font-semibold text-accent'
                  : 'border-transparent text-ink hover:border-line-strong')
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
