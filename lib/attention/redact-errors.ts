import { redaction } from '../redaction/redaction';
import { newPageBudget, redactJobErrors, unreadJob } from '../redaction/row-secrets';
import { cut } from '../text';
import type { Look } from './look';

const TEXT_SHOWN = 300;

interface JobError {
  error: string | null;
  tooLarge: boolean;
}

/** The errors of these jobs without what they and the jobs' payloads hide, in one read; by job. */
export async function readJobErrors(
  { ctx: { gj }, read }: Pick<Look, 'ctx' | 'read'>,
  ids: string[],
): Promise<(id: string) => JobError> {
  const jobs =
    ids.length === 0
      ? new Map<string, JobError>()
      : await read((tx) => redactJobErrors(tx, gj, ids, newPageBudget()));
  return (id) => {
    // A job that is gone by now: nobody knows what its error repeats.
    const { error, tooLarge } = jobs.get(id) ?? unreadJob(false);
    return { error: error && cut(error, TEXT_SHOWN), tooLarge };
  };
}

export const redactClass = <Name extends string | null>(name: Name): Name =>
  (name === null ? name : redaction().redactText(name)) as Name;
