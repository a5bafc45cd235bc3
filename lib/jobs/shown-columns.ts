import 'server-only';
import { redaction } from '../redaction/redaction';
import { type Column, isPath, parseColumns } from './columns';

export interface ShownColumns {
  columns: readonly Column[];
  /** Paths whose values are hidden: they are no columns. */
  hidden: Column[];
}

/** The choice of columns without those that would show nothing but that something is hidden. */
export function shownColumns(text: string | null | undefined): ShownColumns {
  const asked = parseColumns(text);
  const hidden = asked.filter(
    (column) => isPath(column) && redaction().isSecretPath(column.split('.').slice(1)),
  );
  return {
    columns:
      hidden.length === 0
        ? asked
        : parseColumns(asked.filter((column) => !hidden.includes(column)).join(',')),
    hidden,
  };
}
