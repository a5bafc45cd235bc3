/** The base path that Next builds with (next.config.ts). */
const PLACEHOLDER = '__BASE_PATH__';

/** Whether the placeholder may be in a file of this name. */
export const isTextFile = (name: string) =>
  /\.(js|json|html|css|rsc|body|meta|txt|map)$/.test(name);

export const hasPlaceholder = (text: string) => text.includes(PLACEHOLDER);

/** The text of a built file for this base path; '' is the root. */
export function replaceBasePath(text: string, basePath: string): string {
  // Regular expressions hold the slash escaped, once or, inside JSON, twice; those first, or the root mount has a broken one.
  const escaped = (slash: string) =>
    basePath
      .split('/')
      .filter(Boolean)
      .map((part) => slash + part.replaceAll('.', slash.slice(0, -1) + '.'))
      .join('');
  return text
    .replaceAll(`\\\\/${PLACEHOLDER}`, escaped('\\\\/'))
    .replaceAll(`\\/${PLACEHOLDER}`, escaped('\\/'))
    .replaceAll(`/${PLACEHOLDER}`, basePath);
}
