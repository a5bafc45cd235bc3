import { type Json, compactJson, parseJson, stringOf } from '../good-job/json';
import { MAX_ROWS, NOT_RECORDED } from './bounds';
import type { AuditRow, FieldChange, RowChange } from './types';

/** Whether the record leaves out what its rows were, because a bulk run or an act on many rows changed them. */
export function leavesOutRows({
  action,
  bulkRun,
  changes,
  counts,
  tooLarge,
}: Pick<AuditRow, 'action' | 'bulkRun' | 'changes' | 'counts' | 'tooLarge'>): boolean {
  const done = counts.done ?? 0;
  const isLarge = bulkRun !== null || done > MAX_ROWS;
  return done > 0 && isLarge && changes.length === 0 && !tooLarge && !action.endsWith('.export');
}

/** The rows of a record, field by field, without the fields that stayed the same; from `before` and `after` as they are stored. */
export function readChanges(before: string | null, after: string | null): RowChange[] {
  const [was, is] = [rowsOf(before), rowsOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])].map((id) => {
    const [old, now] = [was.get(id) ?? new Map<string, string | null>(), is.get(id)];
    const names = [...new Set([...old.keys(), ...(now?.keys() ?? [])])];
    const fields = names.map((name): FieldChange => ({
      name,
      before: old.get(name) ?? null,
      after: now?.get(name) ?? null,
    }));
    return {
      id,
      gone: now === undefined,
      fields: fields.filter(
        (field) => field.before !== field.after || field.before === NOT_RECORDED,
      ),
    };
  });
}

function rowsOf(text: string | null): Map<string, Map<string, string | null>> {
  const json = text === null ? null : parseJson(text);
  if (json?.kind !== 'object') return new Map();
  return new Map(json.entries.map(({ key, value }) => [key, fieldsOf(value)]));
}

/** The payload's own keys are fields of their own. */
function fieldsOf(row: Json): Map<string, string | null> {
  if (row.kind !== 'object') return new Map([['', textOf(row)]]);
  const fields = row.entries.flatMap(({ key, value }): [string, string | null][] =>
    key === 'serialized_params' && value.kind === 'object'
      ? value.entries.map((entry) => [`${key}.${entry.key}`, textOf(entry.value)])
      : [[key, textOf(value)]],
  );
  return new Map(fields);
}

function textOf(json: Json): string | null {
  const text = compactJson(json);
  return text === 'null' ? null : stringOf(json) || text;
}
