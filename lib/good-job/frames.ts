/** Frames of gems, Ruby itself and generated code, as Rails' backtrace cleaner leaves them out; in what JavaScript and Postgres read alike. */
export const LIBRARY_FRAME_PATTERN = String.raw`/(gems|bundler|rubygems|ruby/\d|lib/ruby|vendor/bundle|\.rbenv|\.rvm)/|^<internal:|^\(eval|/bin/(rails|bundle|good_job|ruby)`;
const LIBRARY_FRAME = new RegExp(LIBRARY_FRAME_PATTERN);

/** Whether a line of a backtrace is of a library, not of the app. */
export function isLibraryFrame(frame: string): boolean {
  return LIBRARY_FRAME.test(frame);
}
