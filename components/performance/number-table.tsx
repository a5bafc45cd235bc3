import type { ReactNode } from 'react';

/** A chart's numbers. */
export function NumberTable({
  title,
  first,
  heads,
  rows,
  format,
}: {
  title: string;
  first: string;
  heads: string[];
  rows: { name: ReactNode; values: number[] }[];
  format: (value: number) => string;
}) {
  const cell = 'px-2 py-1 text-right whitespace-nowrap';
  return (
    <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={title}>
      <table className="w-full border-collapse text-[13px]">
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr className="border-b border-line text-soft">
            <th scope="col" className="px-2 py-1 text-left font-normal whitespace-nowrap">
              {first}
            </th>
            {heads.map((head, n) => (
              <th
                key={n}
                scope="col"
                className={`${cell} max-w-48 truncate font-normal`}
                title={head}
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, values }, row) => (
            <tr key={row} className="border-b border-line last:border-0">
              <th scope="row" className="px-2 py-1 text-left font-normal whitespace-nowrap">
                {name}
              </th>
              {values.map((value, n) => (
                <td
                  key={n}
                  className={`${cell} ${n === 0 && values.length > 1 ? 'font-semibold' : ''}`}
                >
                  {value > 0 ? format(value) : ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
