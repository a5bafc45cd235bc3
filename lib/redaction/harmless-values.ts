import { type Json, stringOf } from '../core/json';
import { wordsOf } from './key-names';
import { execFrom } from './scan';

/*
 * Words that are secret names by themselves, but are none where they stand: a class, a token of a parser, a scheme that a
 * server asks for. Each reads a bounded number of characters around the word.
 */

/** Whether a word that begins here is the class of an inspected object: `#<Session id: 1>`, `#<Api::Token:0x0001>`. */
export function isInspected(text: string, from: number): boolean {
  return /#<(?:\w{1,60}::){0,6}$/.test(text.slice(Math.max(0, from - 100), from));
}

/** `unexpected token`: what a parser read. */
export function isParserToken(text: string, from: number, name: string): boolean {
  return (
    /^tokens?$/i.test(name) &&
    /\bunexpected[ \t]{1,3}(?:end of )?["'`]?$/i.test(text.slice(Math.max(0, from - 24), from))
  );
}

/** `TokenRefreshJob`, `PasswordResetService`: the last word says that this is a class. */
export function isClassName(name: string): boolean {
  return /^[A-Z][A-Za-z0-9]{1,58}[a-z](?:Job|Worker|Mailer|Controller|Service|Channel|Policy|Serializer|Client|Handler|Repository|Helper|Concern|Task|Command|Parser|Validator|Middleware|Processor|Consumer|Listener|Observer|Subscriber|Notifier|Refresher|Adapter|Model|Record|Test|Spec)s?$/.test(
    name,
  );
}

const CHALLENGE =
  /[a-z_-]{2,30}\s?=\s?"|(?:realm|error|error_description|error_uri|scope|charset|nonce|algorithm|qop|title)\s?=(?!=)/iy;

/** The parameters of `WWW-Authenticate: Bearer realm="api", error="invalid_token"` begin here. */
export const isChallenge = (text: string, at: number): boolean =>
  execFrom(CHALLENGE, text, at) !== null;

/*
 * Values under a secret name that say nothing about the secret. Four rules:
 * - Counts: a small number under a plural name is how many there are (`tokens: 1500`, `cards=3`). Codes, PINs and
 *   numbers are excluded: those are digits themselves.
 * - Measures, in texts only: a number and what it counts (`pin: 3 attempts left`).
 * - States: one word such as `failed` or `expired` (`auth: failed`), and behind names of records also a phrase.
 * - Ids: a short decimal number under a name that ends in `id` (`session_id: 8842`), unless the id is a person's.
 */

const COUNTED = new Set(
  'tokens cookies sessions cards credentials creds secrets passwords passphrases keys apikeys passkeys signatures'.split(
    ' ',
  ),
);
/** What they name has properties; only some of these open anything. */
const RECORDS = new Set(
  'auth oauth authorization authorisation authorizations session sessions card cards cookie cookies signature signatures'.split(
    ' ',
  ),
);
const PERSONAL = new Set('national tax signed resident individual security'.split(' '));
const STATE =
  /^(?:not (?:found|set|valid|given|provided|required|available|present)|timed out|failed|failure|fail|ok|okay|success|succeeded|successful|error|errors|denied|granted|required|missing|mandatory|optional|expired|invalid|valid|incorrect|wrong|none|nil|null|undefined|empty|blank|true|false|yes|no|enabled|disabled|unknown|pending|active|inactive|revoked|rejected|accepted|refused|unauthorized|unauthenticated|forbidden|authenticated|verified|unverified|timeout|unset|present|absent|unavailable|started|closed|created|deleted|stale|changed|reset|skipped)[.!]?$/i;
/** A state, and words about it: `failed for bob`. */
const PHRASE = /^\p{L}{2,15}(?: \p{L}{1,15}){0,12}[.!]?$/u;
const COUNT =
  /^\d{1,7}(?: (?:\/ \d{1,7}|of \d{1,7}|out of \d{1,7}|used|left|remaining|total|per|max))*$/;
const ID = /^\d{1,10}$/;
/** `3 attempts left`, `128 characters at most`: a few of what cannot be a secret, and words about it. */
const MEASURE =
  /^(?:\d{1,2} (?:attempts?|tries|retries|times?|failures?|errors?|guesses|uses?|left|remaining|more|items?|entries)|\d{1,4} (?:characters?|chars?|letters?|digits?|bytes?|bits?|ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|days?|weeks?|months?|years?))(?: \p{L}{1,15}){0,8}[.!]?$/u;

/** Whether a value under this secret name is shown. */
export function isPlainValue(name: string, value: string): boolean {
  if (value.length > 200 || !/^[\p{L}\d]/u.test(value)) return false;
  const words = wordsOf(name).filter((word) => !/^\d*$/.test(word));
  const last = words.at(-1) ?? '';
  if (/^\d/.test(value)) {
    if (MEASURE.test(value)) return true;
    if (COUNTED.has(last)) return COUNT.test(value);
    const isId = (last === 'id' || last === 'ids') && words.length > 1;
    return isId && ID.test(value) && !PERSONAL.has(words.at(-2) ?? '');
  }
  if (STATE.test(value)) return true;
  const [first = '', second = ''] = value.split(' ', 2);
  return (
    RECORDS.has(last) &&
    (STATE.test(first) || STATE.test(`${first} ${second}`)) &&
    PHRASE.test(value)
  );
}

/** The same of a JSON value: a state only under the name of a record, because a password may be any word. */
export function isPlainJsonValue(name: string, value: string): boolean {
  return (
    isPlainValue(name, value) &&
    !MEASURE.test(value) &&
    (/^\d/.test(value) || RECORDS.has(wordsOf(name).at(-1) ?? ''))
  );
}

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
