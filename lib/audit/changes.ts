import { type Json, compactJson, parseJson, stringOf } from '../good-job/json';
import { NOT_RECORDED } from './bounds';
import type { FieldChange, RowChange } from './types';

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
