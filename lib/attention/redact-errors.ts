import type { TextBudget } from '../core/text-budget';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { redactJobErrors, unreadJob } from '../redaction/row-secrets';
import { cut } from '../text';

const TEXT_SHOWN = 300;

/** The items with their jobs' errors as they are shown: without what these errors and the jobs' payloads hide. */
export async function withRedactedErrors<Item extends { id: string; jobClass: string | null }>(
  tx: Tx,
  gj: GoodJob,
  items: Item[],
  budget: TextBudget,
): Promise<(Item & { error: string | null; tooLarge: boolean })[]> {
  const jobs = await redactJobErrors(
    tx,
    gj,
    items.map(({ id }) => id),
    budget,
  );
  return items.map((item) => {
    // A job that is gone by now: nobody knows what its error repeats.
    const { error, tooLarge } = jobs.get(item.id) ?? unreadJob(false);
    return {
      ...item,
      jobClass: item.jobClass && redaction().redactText(item.jobClass),
      error: error && cut(error, TEXT_SHOWN),
      tooLarge,
    };
  });
}
