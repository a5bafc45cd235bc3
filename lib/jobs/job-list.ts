import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import type { Tx } from '../db/types';
import type { JobState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { type Cursor, type Page, toPage } from '../paging';
import { conditions } from './conditions';
import { type JobFilter, isUnderstood, listedStates } from './filters';
import { type IndexTerm, indexTerms, knownSelected, select } from './index-terms';
import { jobRowColumns } from './list';
import { type ListOrder, beyondCursor, listOrder, sorted } from './order';
import { type Named, settle } from './settle';
import { naturalSort } from './sort';
import type { JobRow } from './types';
import { Walk, byOrderOnly } from './walk';

/** A page of jobs, and how far they were searched when no index could answer. */
export interface JobPage extends Page<JobRow> {
  /**
   * Null: the page is complete. Else the search stopped here (`at`: the sort key of the last job looked at, null where
   * that is no time) after so many jobs, and `next` (`previous`, when it went backwards) goes on.
   */
  searched: { at: string | null; looked: number } | null;
  /** Texts that were taken for ids. */
  named: Named[];
}

const NOTHING: JobPage = { rows: [], previous: null, next: null, searched: null, named: [] };

/** So few jobs are read and sorted at once; of more of them the list's own order finds a page sooner. */
const FEW = 2_000;
const SECOND_WINDOW = 16_000;
/** For a schema without the index of the order: all jobs are sorted, and no page may take longer. */
const UNINDEXED_MS = 1_800;

/** One page of all jobs, sorted as asked for or in the natural order of the states. */
export async function listJobs(ctx: Ctx, asked: JobFilter): Promise<JobPage> {
  const states = listedStates(asked);
  if (!isUnderstood(asked) || states.length === 0) return NOTHING;
  const { gj } = ctx;
  const order = listOrder(gj, asked.sort ?? naturalSort(states), states);
  return ctx.db.read(async (tx) => {
    const { filter, named } = await settle(tx, gj, asked);
    const cursor = filter.cursor && (await resolveCursor(tx, gj, order, filter.cursor));
    if (filter.cursor && !cursor) return { ...NOTHING, named };
    const page = await new Reading(tx, gj, filter, order, cursor, ctx.searchBudgetMs).page();
    return { ...page, named };
  });
}

/** The cursor with the sort key that its row has now; `after_at` counts only when the row is gone. Null: nothing to go by. */
async function resolveCursor(tx: Tx, gj: GoodJob, order: ListOrder, cursor: Cursor): Promise<Cursor | null> {
  const [row] = await tx.query<{ at: string | null }>(sql`SELECT ${order.sortAt} AS at FROM ${gj.jobs} j WHERE j.id = ${cursor.id}`);
  const at = row?.at ?? cursor.at;
  return at === null ? null : { ...cursor, at };
}

/** Reads one page, by the index that has it soonest. */
class Reading {
  private readonly states: readonly JobState[];
  private readonly condition: Sql;
  private readonly wanted: number;

  constructor(
    private readonly tx: Tx,
    private readonly gj: GoodJob,
    private readonly filter: JobFilter,
    private readonly order: ListOrder,
    private readonly cursor: Cursor | null,
    private readonly budgetMs: number,
  ) {
    this.states = listedStates(filter);
    this.condition = conditions(gj, filter);
    this.wanted = filter.limit + 1;
  }

  async page(): Promise<Omit<JobPage, 'named'>> {
    const { tx, gj, order } = this;
    const terms = indexTerms(gj, order.column, this.states, this.filter.terms);
    const known = knownSelected(terms);
    const named = terms.find(({ key }) => key.startsWith('["id"'));
    const running = order.column === 'performed' ? terms.find(({ key }) => key === 'running') : undefined;
    const few = named ?? (known.selected && known.selected.count <= FEW ? known.selected.term : undefined) ?? running;
    if (few) return this.byTerm(few);
    if (!order.indexed) {
      await tx.query(sql`SET LOCAL enable_seqscan = off`);
      const selected = known.all ? known.selected : await select(tx, gj, terms);
      return selected ? this.byTerm(selected.term) : this.unindexed();
    }
    return this.walked(terms, known.all ? known.selected : undefined);
  }

  /** Windows of the list's own order; when the first one does not fill the page, perhaps an index of a term does. */
  private async walked(terms: IndexTerm[], known: Awaited<ReturnType<typeof select>> | undefined): Promise<Omit<JobPage, 'named'>> {
    const { tx, gj, order, states, cursor, wanted, budgetMs } = this;
    const deadline = performance.now() + budgetMs;
    const walk = new Walk(tx, gj, { order, states, terms: this.filter.terms, filter: this.condition, cursor, wanted });
    await byOrderOnly(tx, budgetMs);
    if (!(await walk.step())) {
      const selected = known === undefined && terms.length > 0 ? await this.withIndexes(() => select(tx, gj, terms)) : (known ?? null);
      if (selected && selected.count <= FEW) return this.byTerm(selected.term);
      if (selected && !(await walk.step(SECOND_WINDOW))) return this.byTerm(selected.term);
      if (!selected) await walk.run(deadline);
    }
    const page = toPage(walk.rows, cursor, this.filter.limit);
    const { stoppedAt: stop } = walk;
    if (!stop) return { ...page, searched: null };
    const at = order.column === 'priority' || stop.at === 'infinity' ? null : stop.at;
    const further: Cursor = { direction: cursor?.direction ?? 'after', ...stop };
    return { ...page, ...(further.direction === 'after' ? { next: further } : { previous: further }), searched: { at, looked: walk.looked } };
  }

  private async withIndexes<T>(fn: () => Promise<T>): Promise<T> {
    await this.tx.query(sql`SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on`);
    const result = await fn();
    await this.tx.query(sql`SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`);
    return result;
  }

  /** All jobs on which one term holds, by its index; OFFSET 0 keeps the planner to it. */
  private async byTerm({ condition }: IndexTerm): Promise<Omit<JobPage, 'named'>> {
    await this.tx.query(sql`SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on; SET LOCAL statement_timeout = 5000`);
    return this.read(sql`(SELECT * FROM ${this.gj.jobs} j WHERE ${condition} OFFSET 0)`);
  }

  private async unindexed(): Promise<Omit<JobPage, 'named'>> {
    await this.tx.query(sql`SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = ${raw(String(UNINDEXED_MS))}`);
    return this.read(this.gj.jobs);
  }

  private async read(from: Sql): Promise<Omit<JobPage, 'named'>> {
    const { gj, order, cursor } = this;
    const beyond = cursor ? [beyondCursor(order, order.keys, cursor)] : [];
    const rows = await this.tx.query<JobRow>(sql`
      SELECT ${jobRowColumns(gj, order.sortAt)}
        FROM (SELECT j.id FROM ${from} j WHERE ${join([this.condition, ...beyond], ' AND ')} ${sorted(order, order.keys, cursor)} LIMIT ${this.wanted}) page
        JOIN ${gj.jobs} j ON j.id = page.id ${sorted(order, order.keys, cursor)}`);
    return { ...toPage(rows, cursor, this.filter.limit), searched: null };
  }
}
