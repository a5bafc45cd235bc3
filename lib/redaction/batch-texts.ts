import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { TextBudget } from '../core/text-budget';
import { isLargeText, limitedJson, limitedText } from '../db/text-limit';
import { parseJson } from '../good-job/json';
import { cut } from '../text';
import { HIDDEN, redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/*
 * The description and the callbacks of a batch. What its properties hide is hidden in them too, so both are read
 * completely, or the texts are hidden whole.
 */

const MAX_CALLBACK_LENGTH = 500;
/** A name of a Ruby class repeats nothing of a batch's data; NULL is none. */
const CONSTANT = '^(::)?[A-Z][A-Za-z0-9_]*(::[A-Z][A-Za-z0-9_]*)*$';
const isConstant = (name: string) => new RegExp(CONSTANT).test(name);

/** A batch's texts as they are stored. */
export interface StoredBatchTexts {
  description: string | null;
  isDescriptionLarge: boolean;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** Null where they were too large, or no text could repeat them. */
  properties: string | null;
  arePropertiesLarge: boolean;
}

/** The columns of StoredBatchTexts, of a batch with this alias. */
export function batchTextColumns(alias: 'j' | 'b'): Sql {
  const column = (name: string) => raw(`${alias}.${name}`);
  const callback = (name: string) => sql`left(${column(name)}, ${MAX_CALLBACK_LENGTH}::int)`;
  const callbacks = ['on_finish', 'on_success', 'on_discard'].map(callback);
  const hasFreeText = callbacks.reduce(
    (any, name) => sql`${any} OR coalesce(${name} !~ ${CONSTANT}, false)`,
    sql`coalesce(${column('description')} <> '', false)`,
  );
  const properties = column('serialized_properties');
  const text = sql`CASE WHEN ${hasFreeText} THEN ${limitedJson(properties)} END`;
  return sql`
    ${limitedText(column('description'))} AS description,
    ${isLargeText(column('description'))} AS "isDescriptionLarge",
    ${callbacks[0]} AS "onFinish", ${callbacks[1]} AS "onSuccess", ${callbacks[2]} AS "onDiscard",
    ${text} AS properties,
    ((${hasFreeText}) AND ${properties} IS NOT NULL AND ${text} IS NULL) AS "arePropertiesLarge"`;
}

export interface BatchTexts {
  description: string | null;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** Some text was too large to be read, so those that could repeat it are hidden whole. */
  tooLarge: boolean;
}

/** The texts without what is hidden; the description is cut to `shown` characters. */
export function redactBatchTexts(
  stored: StoredBatchTexts,
  shown: number,
  budget: TextBudget,
): BatchTexts {
  const rules = redaction();
  const { description, isDescriptionLarge, properties, arePropertiesLarge } = stored;
  const fits = budget.spend((description?.length ?? 0) + (properties?.length ?? 0));
  const tooLarge = !rules.off && (!fits || isDescriptionLarge || arePropertiesLarge);
  const secrets = new SecretRegistry();
  secrets.overflowed = tooLarge;
  if (fits && properties !== null) rules.redactJson(parseJson(properties), { secrets });
  const text = (given: string | null) => given && rules.redactText(given, secrets);
  const callback = (given: string | null) =>
    given !== null && isConstant(given) ? rules.redactText(given) : text(given);
  const isUnread = !rules.off && description !== null && (!fits || isDescriptionLarge);
  return {
    description: isUnread ? HIDDEN : description && cut(text(description) ?? '', shown),
    onFinish: callback(stored.onFinish),
    onSuccess: callback(stored.onSuccess),
    onDiscard: callback(stored.onDiscard),
    tooLarge,
  };
}
