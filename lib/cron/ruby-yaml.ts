import { type ScalarTag, type Tags, parseDocument } from 'yaml';
import { RubySymbol } from './active-job-arguments';

/** Where YAML says that it is one. */
const symbol: ScalarTag = {
  tag: '!ruby/symbol',
  resolve: (text) => new RubySymbol(/^:(["'])(.*)\1$/.exec(text)?.[2] ?? text.replace(/^:/, '')),
};
/** `:name` not in quotes; also `:"a name"`. */
const plainSymbol: ScalarTag = { ...symbol, default: true, test: /^:./ };

/** To Psych `y` and `n` are texts; of the other words the case does not matter. */
const asPsych = (tags: Tags): Tags => [
  symbol,
  plainSymbol,
  ...tags.map((tag) => {
    if (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:bool') return tag;
    return {
      ...tag,
      test: tag.identify?.(true) ? /^(?:yes|true|on)$/i : /^(?:no|false|off)$/i,
    } as ScalarTag;
  }),
];

/** One document as Ruby's Psych reads it: YAML 1.1 with `<<`, whole numbers of any size, and of a key given twice the last. */
export const parseRubyYaml = (text: string) =>
  parseDocument(text, {
    version: '1.1',
    customTags: asPsych,
    intAsBigInt: true,
    uniqueKeys: false,
    prettyErrors: true,
  });
