import type { Steps } from '../core/steps';
import { findAssignments } from './assignments';
import type { SecretNameMatcher } from './key-names';
import { findLabelledElements, findTagContents } from './markup';
import { findFixedForms, findInJapanese, findInSentences } from './prose';
import { Rule, Span, SpanMask } from './scan';
import {
  findCommandLineCredentials,
  findCredentialsBeforeHost,
  findSqlLists,
  findUrlUserInfo,
} from './statements';
import { viewsOf } from './text-view';
import {
  findCardNumbers,
  findFixedShapes,
  findJsonWebTokens,
  findMarkedTokens,
  findServiceTokens,
  findSignedMessages,
} from './tokens';

/*
 * Finds secrets in a text. Each rule makes one pass over each view of the text (raw, and with its
 * escapes decoded), so the time is linear for any input.
 */

const RULES: readonly Rule[] = [
  findServiceTokens,
  findJsonWebTokens,
  findMarkedTokens,
  findFixedShapes,
  findSignedMessages,
  findCardNumbers,
  findUrlUserInfo,
  findCredentialsBeforeHost,
  findAssignments,
  findInSentences,
  findInJapanese,
  findFixedForms,
  findTagContents,
  findLabelledElements,
  findSqlLists,
  findCommandLineCredentials,
];

/** The spans to hide, in order and without overlaps. Yields between bounded steps. */
export function* secretSpanSteps(text: string, keys: SecretNameMatcher): Steps<Span[]> {
  const mask = new SpanMask(text.length);
  const names = keys.forText(text.length);
  for (const view of viewsOf(text)) {
    if (!view) {
      yield;
      continue;
    }
    const scan = {
      text: view.text,
      keys: names,
      hide: (from: number, to: number) => {
        if (from < to) mask.add(view.sourceOffset(from), view.sourceOffset(to));
      },
    };
    for (const rule of RULES) yield* rule(scan);
  }
  return mask.spans();
}
