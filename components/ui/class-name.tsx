import { Fragment } from 'react';

/** The name of a Ruby class in a narrow place: it breaks between its modules first. */
export function ClassName({ name }: { name: string }) {
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
