import { type Json, stringOf } from '../core/json';
import { multilineRegExp, wordList } from '../core/text';
import { splitWords } from './key-names';
import { execFrom } from './scan';

/*
 * Words that match a secret name but are something else in their context: a class, a parser's
 * token, an HTTP auth challenge. Each check reads a bounded number of characters around the word.
 */

/**
 * Whether the word here is the class in Ruby's `inspect` output: `#<Session id: 1>`,
 * `#<Api::Token:0x0001>`.
 */
export function isInspectedObject(text: string, from: number): boolean {
  const last = text[from - 1];
  if (last !== '<' && last !== ':') return false;
  return /#<(?:\w{1,60}::){0,6}$/.test(text.slice(Math.max(0, from - 100), from));
}

/** Whether the name is the word `token` in a parser error such as `unexpected token`. */
export function isParserToken(text: string, from: number, name: string): boolean {
  return (
    name.length <= 6 &&
    /^tokens?$/i.test(name) &&
    /\bunexpected[ \t]{1,3}(?:end of )?["'`]?$/i.test(text.slice(Math.max(0, from - 24), from))
  );
}

const CLASS_NAME = multilineRegExp('')`
  ^[A-Z][A-Za-z0-9]{1,58}[a-z](?:
    Job|Worker|Mailer|Controller|Service|Channel|Policy|Serializer|Client|Handler|Repository
    |Helper|Concern|Task|Command|Parser|Validator|Middleware|Processor|Consumer|Listener|Observer
    |Subscriber|Notifier|Refresher|Adapter|Model|Record|Test|Spec
  )s?$`;

/** Whether the last word marks the name as a class: `TokenRefreshJob`, `PasswordResetService`. */
export const isClassName = (name: string): boolean => CLASS_NAME.test(name);

const CHALLENGE = multilineRegExp('iy')`
  [a-z_-]{2,30}\s?=\s?"
  |(?:realm|error|error_description|error_uri|scope|charset|nonce|algorithm|qop|title)\s?=(?!=)`;

/**
 * Whether challenge parameters begin here:
 * `WWW-Authenticate: Bearer realm="api", error="invalid_token"`.
 */
export const isChallenge = (text: string, at: number): boolean =>
  execFrom(CHALLENGE, text, at) !== null;

/*
 * Values under a secret name that reveal nothing about the secret. Four rules:
 * - Counts: a small number under a plural name (`tokens: 1500`, `cards=3`). Codes, PINs and numbers
 *   are excluded, because they consist of digits themselves.
 * - Measures, in texts only: a number with its unit (`pin: 3 attempts left`).
 * - States: one word such as `failed` or `expired` (`auth: failed`); after a record name also a
 *   phrase.
 * - Ids: a short decimal number under a name that ends in `id` (`session_id: 8842`), unless it
 *   identifies a person.
 */

/** A longer value is never harmless. */
export const MAX_HARMLESS_LENGTH = 200;

const COUNTABLE = new Set(
  wordList(`
    tokens cookies sessions cards credentials creds secrets passwords passphrases keys apikeys
    passkeys signatures
  `),
);
/** Names of records with many fields, few of which are secrets. */
const RECORDS = new Set(
  wordList(`
    auth oauth authorization authorisation authorizations session sessions card cards cookie
    cookies signature signatures
  `),
);
const PERSONAL_ID_PREFIXES = new Set('national tax signed resident individual security'.split(' '));
const STATE = multilineRegExp('i')`
  ^(?:
    not (?:found|set|valid|given|provided|required|available|present)|timed out|failed|failure
    |fail|ok|okay|success|succeeded|successful|error|errors|denied|granted|required|missing
    |mandatory|optional|expired|invalid|valid|incorrect|wrong|none|nil|null|undefined|empty|blank
    |true|false|yes|no|enabled|disabled|unknown|pending|active|inactive|revoked|rejected|accepted
    |refused|unauthorized|unauthenticated|forbidden|authenticated|verified|unverified|timeout
    |unset|present|absent|unavailable|started|closed|created|deleted|stale|changed|reset|skipped
  )[.!]?$`;
/** A state with more words: `failed for bob`. */
const PHRASE = /^\p{L}{2,15}(?: \p{L}{1,15}){0,12}[.!]?$/u;
const COUNT =
  /^\d{1,7}(?: (?:\/ \d{1,7}|of \d{1,7}|out of \d{1,7}|used|left|remaining|total|per|max))*$/;
const ID = /^\d{1,10}$/;
/** A number with a unit, and more words: `3 attempts left`, `128 characters at most`. */
const MEASURE = multilineRegExp('u')`
  ^(?:
    \d{1,2} (?:
      attempts?|tries|retries|times?|failures?|errors?|guesses|uses?|left|remaining|more|items?
      |entries
    )
    |\d{1,4} (?:
      characters?|chars?|letters?|digits?|bytes?|bits?|ms|milliseconds?|seconds?|secs?|minutes?
      |mins?|hours?|days?|weeks?|months?|years?
    )
  )(?: \p{L}{1,15}){0,8}[.!]?$`;

/**
 * Whether a value under this secret name in a text is shown. `name` is called for the few values
 * that depend on it.
 */
export function isHarmlessValue(name: () => string, value: string): boolean {
  if (value.length > MAX_HARMLESS_LENGTH || !/^[\p{L}\d]/u.test(value)) return false;
  if (/^\d/.test(value)) return MEASURE.test(value) || isCountOrId(name, value);
  if (STATE.test(value)) return true;
  const [first = '', second = ''] = value.split(' ', 2);
  return (
    (STATE.test(first) || STATE.test(`${first} ${second}`)) &&
    PHRASE.test(value) &&
    RECORDS.has(lastWord(name()))
  );
}

function isCountOrId(name: () => string, value: string): boolean {
  if (!COUNT.test(value) && !ID.test(value)) return false;
  const words = wordsOf(name());
  const last = words.at(-1) ?? '';
  if (COUNTABLE.has(last)) return COUNT.test(value);
  const isId = (last === 'id' || last === 'ids') && words.length > 1;
  return isId && ID.test(value) && !PERSONAL_ID_PREFIXES.has(words.at(-2) ?? '');
}

const wordsOf = (name: string): string[] => splitWords(name).filter((word) => !/^\d*$/.test(word));
const lastWord = (name: string): string => wordsOf(name).at(-1) ?? '';

/**
 * `isHarmlessValue` for JSON. States count only under a record name, because a password may be any
 * word.
 */
export function isHarmlessJsonValue(name: string, value: string): boolean {
  return (
    isHarmlessValue(() => name, value) &&
    !MEASURE.test(value) &&
    (/^\d/.test(value) || RECORDS.has(splitWords(name).at(-1) ?? ''))
  );
}

/*
 * Active Job's metadata in a serialized hash (`ActiveJob::Arguments`): lists of keys, `true`, or a
 * serializer class. Anything else under these keys is application data.
 */

const KEY_LISTS = /^_aj_(?:symbol_keys|ruby2_keywords)$/;
const METADATA_KEYS =
  /^_aj_(?:symbol_keys|ruby2_keywords|hash_with_indifferent_access|serialized|globalid)$/;
const SERIALIZER_CLASS = /^[A-Z]\w{0,100}(?:::[A-Z]\w{0,100}){0,8}$/;
const GLOBAL_ID = /^gid:\/\/[\w.:/-]{1,200}$/;
/** A longer string in a key list is application data. */
const MAX_NAME_LENGTH = 128;

/** Whether Active Job reserves this key for its metadata. */
export const isActiveJobKey = (key: string): boolean => METADATA_KEYS.test(key);

/** Whether the entry is metadata that Active Job wrote, not application data. */
export function isActiveJobMetadata(key: string, value: Json): boolean {
  if (!isActiveJobKey(key)) return false;
  if (KEY_LISTS.test(key))
    return (
      value.kind === 'array' &&
      value.items.every((item) => {
        const name = stringOf(item);
        return name !== undefined && name.length <= MAX_NAME_LENGTH;
      })
    );
  const text = stringOf(value);
  if (key === '_aj_serialized') return text !== undefined && SERIALIZER_CLASS.test(text);
  return value.kind === 'scalar' && value.text === 'true';
}

/** Whether the entry is a GlobalID, which identifies a record without its data. */
export const isGlobalId = (key: string, value: Json): boolean =>
  key === '_aj_globalid' && GLOBAL_ID.test(stringOf(value) ?? '');
