/** The base path in Next's build output (next.config.ts). */
const PLACEHOLDER = '__BASE_PATH__';

/** Whether a file of this name may contain the placeholder. */
export const isTextFile = (name: string) =>
  /\.(js|json|html|css|rsc|body|meta|txt|map)$/.test(name);

export const hasPlaceholder = (text: string) => text.includes(PLACEHOLDER);

/** Replaces the placeholder in a build file. An empty base path is the root. */
export function replaceBasePath(text: string, basePath: string): string {
  // Regular expressions escape the slash once, or twice inside JSON. Escaped forms come first:
  // otherwise the root mount would keep a dangling backslash.
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
