import { GlobSet } from './glob';
import {
  ABOUT,
  ENDINGS,
  JAPANESE,
  JAPANESE_WORDS,
  LAST,
  MAYBE_SECRET,
  PAIRS,
  PLAIN,
  SQUASHED,
  STEMS,
  WORDS,
} from './key-names';

/** Decides which names hold secrets, by the tables of `key-names.ts` and the configuration. */

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/** The words of a name, in lower case. */
export function wordsOf(name: string): string[] {
  if (/^[a-z]+$/.test(name)) return [name];
  const isLowerAscii = /^[a-z0-9_.-]*$/.test(name);
  const separated = isLowerAscii
    ? name
    : name
        .normalize('NFKC')
        .replaceAll(/(\p{Ll}|\d)(\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1$3 $2')
        .toLowerCase();
  return separated
    .split(isLowerAscii ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
    .flatMap((word) =>
      !/\d/.test(word) || /^(?:cv[vc]2|2fa|last4)$/.test(word)
        ? [word]
        : (word.match(/\p{N}+|[^\p{N}]+/gu) ?? []),
    );
}

const isSecretWord = (word: string): boolean =>
  WORDS.has(word) || STEMS.test(word) || ENDINGS.test(word);
const isPair = (words: readonly string[], n: number): boolean =>
  PAIRS.has(`${words[n] ?? ''} ${words[n + 1] ?? ''}`);
const isNumber = (word: string): boolean => /^\d*$/.test(word);

/** The default rule: whether the value of this name is hidden. */
export function looksSecret(name: string): boolean {
  const plain = isAscii(name) ? name : name.normalize('NFKC');
  if (!isAscii(plain) && (JAPANESE.test(plain) || JAPANESE_WORDS.has(plain))) return true;
  const lower = plain.toLowerCase();
  if (!MAYBE_SECRET.test(lower)) return false;
  const words = wordsOf(plain).filter((word) => !isNumber(word));
  const isSquashed = isSecretWhenSquashed(lower);
  // Most names contain such a syllable by chance.
  if (
    !isSquashed &&
    !words.some((word, n) => isSecretWord(word) || LAST.has(word) || isPair(words, n))
  )
    return false;
  const given = ` ${words.join(' ')} `;
  const remaining = given.replaceAll(PLAIN, ' ');
  return areSecretWords(remaining.split(' ').filter(Boolean), isSquashed && remaining === given);
}

function areSecretWords(words: readonly string[], isSquashed: boolean): boolean {
  const last = words.at(-1) ?? '';
  const isCard = words.some((word) => word === 'card' || word === 'cards');
  if (words.length > 1 && ABOUT.has(last) && !(isCard ? /^exp/.test(last) : last === 'last4'))
    return false;
  // An id of one's own record: `card_id`; a `token_id` may be the token.
  if (
    words.length > 1 &&
    (last === 'id' || last === 'ids') &&
    ['card', 'cards'].includes(words.at(-2) ?? '')
  )
    return false;
  return (
    isSquashed || LAST.has(last) || words.some((word, n) => isSecretWord(word) || isPair(words, n))
  );
}

/** Of a name whose capitals say nothing, as in `APIkey` or `cLIENTsECRET`. */
function isSecretWhenSquashed(lower: string): boolean {
  return lower
    .split(isAscii(lower) ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
    .some(
      (word) =>
        word.length > 2 &&
        (SQUASHED.has(word) ||
          (word.length > 4 && WORDS.has(word)) ||
          STEMS.test(word) ||
          ENDINGS.test(word)),
    );
}

/** A name or pattern as it is compared: `apiKey*` is `api_key*`. */
export const plainName = (name: string) => wordsOf(name).join('_');
const plainPattern = (pattern: string) => pattern.split('*').map(plainName).join('*');

/**
 * Names that a cache remembers: fewer than 64 kB of different names have, so that twice as many names take twice the
 * time, and not all the time that the cache saved besides. And the longest of them.
 */
const CACHE_SIZE = 256;
const MAX_NAME_LENGTH = 128;
/** Characters of a text that does not use the cache. */
const LARGE_TEXT = 16_384;
/** Engines copy a shorter part of a text; a longer one refers to the text, of possibly megabytes. */
const SHORTEST_REFERENCE = 13;

const detached = (name: string): string =>
  name.length < SHORTEST_REFERENCE ? name : Buffer.from(name).toString();

/** Judges a name. */
export interface NameJudge {
  isSecret(name: string): boolean;
}

/** Judges names by the default list, by what is to be hidden besides and by what is to be shown nevertheless. */
export class Keys implements NameJudge {
  private readonly more: GlobSet;
  private readonly except: GlobSet;
  private readonly hasDigits: boolean;
  private readonly cache = new Map<string, boolean>();

  constructor({ keys, except }: { keys: readonly string[]; except: readonly string[] }) {
    this.more = patternsOf(keys);
    this.except = patternsOf(except);
    this.hasDigits = [...keys, ...except].some((key) => /\d/.test(key));
  }

  isSecret(name: string): boolean {
    const short = this.shortName(name);
    if (short === null) return false;
    const cached = this.cache.get(short);
    if (cached !== undefined) return cached;
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    const isSecret = this.judge(short);
    this.cache.set(detached(short), isSecret);
    return isSecret;
  }

  /**
   * For the rules that read one text, several times each: judges each name of it once, however many there are. A large
   * text has more names than the cache, which it would only replace.
   */
  ofText(length: number): NameJudge {
    const cache = new Map<string, boolean>();
    return {
      isSecret: (name) => {
        const short = this.shortName(name);
        if (short === null) return false;
        let isSecret = cache.get(short);
        if (isSecret === undefined) {
          isSecret = length > LARGE_TEXT ? this.judge(short) : this.isSecret(short);
          cache.set(short, isSecret);
        }
        return isSecret;
      },
    };
  }

  /** What a name is judged by; null: it is not secret. */
  private shortName(name: string): string | null {
    // Longer than a name that a person gives: it is judged by its end, where the meaning is.
    const short = name.length > MAX_NAME_LENGTH ? name.slice(-MAX_NAME_LENGTH) : name;
    if (this.more.isEmpty && isAscii(short) && !MAYBE_SECRET.test(short.toLowerCase())) return null;
    // Numbers mean nothing, but for `cvv2`, `2fa` and `last4`: `token10` is judged as `token99`.
    return this.hasDigits ? short : short.replaceAll(/\d{2,}/g, '00');
  }

  private judge(name: string): boolean {
    if (this.more.isEmpty && this.except.isEmpty) return looksSecret(name);
    const lower = name.toLowerCase();
    const plain = plainName(name);
    const isOf = (patterns: GlobSet) =>
      (lower !== '' && patterns.has(lower)) ||
      (plain !== '' && plain !== lower && patterns.has(plain));
    return !isOf(this.except) && (isOf(this.more) || looksSecret(name));
  }
}

const patternsOf = (keys: readonly string[]): GlobSet =>
  new GlobSet(keys.flatMap((key) => [key.toLowerCase(), plainPattern(key)]));
