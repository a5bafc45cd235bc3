/** Whether a User-Agent names one of Apple's systems, where ⌘ takes the place of Ctrl. */
export const isMacAgent = (userAgent: string): boolean => /Mac|iPhone|iPad/.test(userAgent);
