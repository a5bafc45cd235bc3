import type { ReactNode } from 'react';

/** A text in which the matches of a search are marked, in any case. */
export function Marked({ text, marks }: { text: string; marks: readonly string[] }): ReactNode {
  if (marks.length === 0) return text;
  const lower = text.toLowerCase();
  // Lower case of some letters is longer, and would shift the matches.
  if (lower.length !== text.length) return text;
  const parts: ReactNode[] = [];
  for (let at = 0; at < text.length;) {
    const match = nextMatch(lower, marks, at);
    if (!match) return [...parts, text.slice(at)];
    parts.push(
      text.slice(at, match.at),
      <mark key={match.at}>{text.slice(match.at, match.end)}</mark>,
    );
    at = match.end;
  }
  return parts;
}

function nextMatch(lower: string, marks: readonly string[], from: number) {
  let first: { at: number; end: number } | null = null;
  for (const mark of marks) {
    const at = lower.indexOf(mark.toLowerCase(), from);
    if (at >= 0 && (!first || at < first.at)) first = { at, end: at + mark.length };
  }
  return first;
}
