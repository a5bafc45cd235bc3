import 'server-only';
import type { TextBudget } from '../core/text-budget';
import type { Tx } from '../db/types';
import { normalizeError } from '../good-job/failure-key';
import { FRAME_READ } from '../good-job/failure-rows';
import type { GoodJob } from '../good-job/tables';
import { READ_BEYOND, redaction } from '../redaction/redaction';
import { redactJobErrors, unreadJob } from '../redaction/row-secrets';
import { cut } from '../text';
import type { FailureGroup } from './types';

/** Characters of an error that a sample carries. */
const SAMPLE_SHOWN = 1_000;

/**
 * Adds to each group the error of its newest job, and hides in it, in its normal form, in the frame and in the queues
 * what that job's payload hides.
 */
export async function redactSamples(
  tx: Tx,
  gj: GoodJob,
  groups: FailureGroup[],
  budget: TextBudget,
): Promise<FailureGroup[]> {
  const rules = redaction();
  const newestIds = groups.flatMap(({ samples }) => samples.slice(0, 1).map(({ id }) => id));
  const jobs = await redactJobErrors(tx, gj, newestIds, budget);
  const redacted: FailureGroup[] = [];
  for (const group of groups) {
    const [newest, ...others] = group.samples;
    if (!newest) {
      redacted.push(group);
      continue;
    }
    const { error, tooLarge, secrets } = jobs.get(newest.id) ?? unreadJob(false);
    const frame = group.frame && {
      text: group.frame,
      bounds: { read: FRAME_READ, shown: FRAME_READ - READ_BEYOND, secrets },
    };
    redacted.push({
      ...group,
      jobClass: group.jobClass && rules.redactText(group.jobClass),
      queues: group.queues.map((queue) => rules.redactText(queue, secrets)),
      frame: frame && rules.excerpt(frame.text, frame.bounds),
      error: normalizeError(error ?? ''),
      samples: [{ ...newest, error: error && cut(error, SAMPLE_SHOWN) }, ...others],
      tooLarge,
    });
    await budget.yieldIfDue();
  }
  return redacted;
}
