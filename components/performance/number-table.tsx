import type { ReactNode } from 'react';

/** The numbers of a chart as a table. */
export function NumberTable({
  title,
  firstHead,
  heads,
  rows,
  format,
}: {
  title: string;
  firstHead: string;
  heads: string[];
  rows: { name: ReactNode; values: number[] }[];
  format: (value: number) => string;
}) {
  const cellClass = 'px-2 py-1 text-right whitespace-nowrap';
  return (
    <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={title}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr className="border-b border-line text-soft">
            <th scope="col" className="px-2 py-1 text-left font-normal whitespace-nowrap">
              {firstHead}
            </th>
            {heads.map((head, n) => (
              <th
                key={n}
                scope="col"
                className={`${cellClass} max-w-48 truncate font-normal`}
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
                  className={`${cellClass} ${n === 0 && values.length > 1 ? 'font-semibold' : ''}`}
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
