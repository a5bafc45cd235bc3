import type { ReactNode } from 'react';

/** A row of a finding: its name, its facts and its action. */
export function Item({
  id,
  children,
  facts,
  action,
}: {
  id: string;
  children: ReactNode;
  facts?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <li
      data-item={id}
      className="flex flex-wrap items-start justify-between gap-x-4 gap-y-1.5 px-3 py-2"
    >
      <div className="min-w-0 flex-1 basis-72">
        <div className="min-w-0 any-break">{children}</div>
        {facts && (
          <div className="mt-0.5 flex flex-wrap gap-x-4 gap-y-0.5 text-sm text-soft any-break">
            {facts}
          </div>
        )}
      </div>
      {action}
    </li>
  );
}
