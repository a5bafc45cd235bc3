import { type Json, stringOf } from '../good-job/json';

/*
 * What Active Job writes beside the values of a hash: names of keys, `true`, and the class of a serializer. Anything else
 * under these keys is data of the application.
 */

const NAME_LISTS = /^_aj_(?:symbol_keys|ruby2_keywords)$/;
const MARK_KEYS =
  /^_aj_(?:symbol_keys|ruby2_keywords|hash_with_indifferent_access|serialized|globalid)$/;
const CLASS_NAME = /^[A-Z]\w{0,100}(?:::[A-Z]\w{0,100}){0,8}$/;
const GLOBAL_ID = /^gid:\/\/[\w.:/-]{1,200}$/;
/** Names of keys are short. */
const MAX_NAME_LENGTH = 128;

export const isMarkKey = (key: string): boolean => MARK_KEYS.test(key);

/** Whether this is a mark of Active Job, and no data. */
export function isActiveJobMark(key: string, value: Json): boolean {
  if (!isMarkKey(key)) return false;
  if (NAME_LISTS.test(key))
    return (
      value.kind === 'array' &&
      value.items.every((item) => {
        const name = stringOf(item);
        return name !== undefined && name.length <= MAX_NAME_LENGTH;
      })
    );
  const text = stringOf(value);
  if (key === '_aj_serialized') return text !== undefined && CLASS_NAME.test(text);
  return value.kind === 'scalar' && value.text === 'true';
}

/** The reference to a record, which is not the record. */
export const isGlobalId = (key: string, value: Json): boolean =>
  key === '_aj_globalid' && GLOBAL_ID.test(stringOf(value) ?? '');
