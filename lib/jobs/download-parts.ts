/** Texts of a job or an execution that can be downloaded in clear. */
export const DOWNLOAD_PARTS = ['payload', 'error', 'backtrace'] as const;
export type DownloadPart = (typeof DOWNLOAD_PARTS)[number];
