import { Fragment } from 'react';

/** The name of a Ruby class that wraps between its modules. */
export function RubyClassName({ name }: { name: string }) {
  return name.split('::').map((part, n) => (
    <Fragment key={n}>
      {n > 0 && (
        <>
          ::
          <wbr />
        </>
      )}
      {part}
    </Fragment>
  ));
}

/** JSON or other preformatted text; long lines wrap for phones. */
export function JsonBlock({ id, text, label }: { id?: string; text: string; label: string }) {
  return (
    <pre
      id={id}
      tabIndex={0}
      aria-label={label}
      role="group"
      className={
        'max-h-[70vh] overflow-auto rounded-md border border-line bg-sunken px-3 py-2 font-mono ' +
        'text-xs leading-normal break-words whitespace-pre-wrap text-ink any-break'
      }
    >
      {text}
    </pre>
  );
}
