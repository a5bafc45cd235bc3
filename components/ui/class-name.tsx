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
