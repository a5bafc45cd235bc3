import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeActiveJob } from '../good-job/payload';
import { parseJson, prettyJson, redactJson, scalar } from './json';

const pretty = (text: string) => prettyJson(parseJson(text));

describe('prettyJson', () => {
  it('keeps every character of a number and the order of integer-like keys', () => {
    expect(pretty('{"10": 12345678901234567890, "9": 1.10, "__proto__": 1e400, "a": -0}')).toBe(
      '{\n  "10": 12345678901234567890,\n  "9": 1.10,\n  "__proto__": 1e400,\n  "a": -0\n}',
    );
  });
  it('prints empty containers like Ruby', () => {
    expect(pretty('{"a": {}, "b": [], "c": [{}]}')).toBe(
      '{\n  "a": {},\n  "b": [],\n  "c": [\n    {}\n  ]\n}',
    );
  });
  it('keeps escapes as they are stored', () => {
    expect(pretty('["\\u0001\\n\\"<script>", "日本語", "\\u2028"]')).toBe(
      '[\n  "\\u0001\\n\\"<script>",\n  "日本語",\n  "\\u2028"\n]',
    );
  });
  it('prints JSON that parses to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(pretty(JSON.stringify(value)))).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });
  it('throws SyntaxError for text that is not JSON', () => {
    for (const text of ['', '{', '{"a":1,}', '// x', '[1] 2'])
      expect(() => parseJson(text), text).toThrow(SyntaxError);
  });
});

describe('redactJson', () => {
  it('replaces the values that the redactor selects by path', () => {
    const redacted = redactJson(parseJson('{"a": [{"password": "x"}], "b": 1}'), (path) =>
      path.at(-1) === 'password' ? scalar('[hidden]') : undefined,
    );
    expect(prettyJson(redacted)).toContain('"password": "[hidden]"');
    expect(prettyJson(redacted)).not.toContain('"x"');
  });
});

describe('decodeActiveJob', () => {
  const decoded = (text: string) =>
    JSON.parse(prettyJson(decodeActiveJob(parseJson(text)))) as unknown;
  const serialized = (name: string, value: unknown) =>
    decoded(JSON.stringify({ _aj_serialized: `ActiveJob::Serializers::${name}`, value }));
  it('drops Active Job’s type markers from hashes at every depth', () => {
    expect(
      decoded(
        '{"foo": "bar", "n": {"a": [1], "_aj_symbol_keys": ["a"]}, "_aj_symbol_keys": ["foo", "n"]}',
      ),
    ).toEqual({ foo: 'bar', n: { a: [1] } });
    expect(
      decoded(
        '[{"a": 1, "_aj_hash_with_indifferent_access": true}, {"b": 2, "_aj_ruby2_keywords": ["b"]}]',
      ),
    ).toEqual([{ a: 1 }, { b: 2 }]);
  });
  it("prints serialized values like Ruby's to_s", () => {
    expect(serialized('SymbolSerializer', 'finish')).toBe('finish');
    expect(serialized('TimeWithZoneSerializer', '2026-11-23T12:26:08.213996613Z')).toBe(
      '2026-11-23 12:26:08 UTC',
    );
    expect(serialized('TimeSerializer', '2026-11-23T21:26:08.000000000+09:00')).toBe(
      '2026-11-23 21:26:08 +0900',
    );
    expect(serialized('DateTimeSerializer', '2026-11-23T12:26:08.000000000Z')).toBe(
      '2026-11-23T12:26:08+00:00',
    );
    expect(serialized('DurationSerializer', 3600)).toBe('3600');
    expect(
      decoded(
        '{"_aj_serialized": "ActiveJob::Serializers::RangeSerializer", "begin": 1, "end": null, "exclude_end": true}',
      ),
    ).toBe('1...');
    expect(decoded('{"_aj_globalid": "gid://app/User/1"}')).toBe('gid://app/User/1');
    expect(decoded('{"_aj_globalid": "gid://app/User/1", "extra": 2}')).toEqual({
      _aj_globalid: 'gid://app/User/1',
      extra: 2,
    });
  });
  it("keeps values of an application's own serializer as they are stored", () => {
    expect(decoded('{"_aj_serialized": "MoneySerializer", "cents": 5}')).toEqual({
      _aj_serialized: 'MoneySerializer',
      cents: 5,
    });
  });
});
