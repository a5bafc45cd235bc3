import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { codeOf } from '../core/errors';
import { type Cursor, toPage } from '../core/search-params';
import type { Tx } from '../db/database';
import { refreshRunning, runningByIndex } from '../good-job/running';
import { type JobState, stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { isSlow } from '../search/conditions';
import {
  type IndexTerm,
  type Selected,
  indexTerms,
  isFar,
  knownSelected,
  rememberFar,
  rememberUnselective,
  select,
} from '../search/index-hints';
import { textIndexTerms } from '../search/text-indexes';
import { type JobFilter, isUnderstood, listedStates, sortOf } from './filters';
import { type ListOrder, afterCursorSql, listOrder, orderBySql } from './order';
import { type RedactedMatch, SearchBudget, redactedMatch } from './recheck';
import { resolveFilter } from './resolve-filter';
import { type ReadJobRow, idColumns, jobRowColumns, redactRows } from './rows';
import { newJobBudget } from './texts';
import type { JobPage, JobRow } from './types';
import { FIRST_WINDOW, GROWTH, WindowScan, byOrderOnly } from './window-scan';

const NOTHING: JobPage = {
  rows: [],
  previous: null,
  next: null,
  searched: null,
  named: [],
  hint: null,
  labelsOfNewest: false,
  unsearched: 0,
};

/** So few jobs are read and sorted at once; of more of them the list's own order finds a page sooner. */
const FEW = 2_000;
/** To count them. */
const SELECT_MS = 300;
/** To read and sort many of them. */
const MANY_MS = 400;
/** For a schema without the index of the order: all jobs are sorted, and no page may take longer. */
const UNINDEXED_MS = 1_500;
/** What has to read the arguments does so for the first of them alone. */
const UNINDEXED_WINDOW = 20_000;
/** Jobs of an indexed term that are all read where each one found must be looked at again. */
const FEW_AGAIN = 10_000;
/** Rows of the list that one answer is about where a text's own index finds what must be looked at again. */
const INDEXED_WINDOW = 60_000;

export interface ListOptions {
  /** Rows looked at first. */
  firstWindow?: number;
  /** Rows that an answer is about where an index of texts finds what must be looked at again. */
  indexedWindow?: number;
  /** For counting what the indexes of the terms have. */
  selectMs?: number;
  /**
   * For what takes all pages for all jobs: no index that leaves something out (`labelsOfNewest`), and a page begins
   * where the one before it ended, wherever its last job is by now.
   */
  exact?: boolean;
  /** Only `id` and `sortAt` of each row are read; for what reads the rows itself. */
  idsOnly?: boolean;
}

/** One page of all jobs, sorted as asked for or in the natural order of the states. */
export async function listJobs(
  ctx: Ctx,
  asked: JobFilter,
  {
    firstWindow = FIRST_WINDOW,
    indexedWindow = INDEXED_WINDOW,
    selectMs = SELECT_MS,
    exact = false,
    idsOnly = false,
  }: ListOptions = {},
): Promise<JobPage> {
  const states = listedStates(asked);
  if (!isUnderstood(asked) || states.length === 0) return NOTHING;
  if (states.every((state) => state === 'running')) refreshRunning(ctx);
  const { tables } = ctx;
  const order = listOrder(tables, sortOf(asked), states);
  const read = async (tx: Tx): Promise<JobPage> => {
    const { filter, named } = await resolveFilter(tx, tables, asked);
    const cursor =
      filter.cursor &&
      (exact && filter.cursor.at !== null
        ? filter.cursor
        : await resolveCursor(tx, tables, order, states, filter.cursor));
    if (filter.cursor && !cursor) return { ...NOTHING, named };
    const page = await new JobListReader(tx, tables, filter, order, cursor, {
      budgetMs: ctx.searchBudgetMs,
      firstWindow,
      indexedWindow,
      selectMs,
      exact,
      idsOnly,
    }).page();
    return { ...NOTHING, ...page, named };
  };
  return ctx.db.read(read, { byIndexOnly: true });
}

/**
 * The cursor with the sort key that its row has now; `after_at` counts only when the row is gone, be it from the table or
 * into a state that is not listed: a discarded job that was retried has no place among the discarded. Null: nothing to go by.
 */
async function resolveCursor(
  tx: Tx,
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  cursor: Cursor,
): Promise<Cursor | null> {
  const [row] = await tx.query<{ at: string | null; state: JobState }>(
    sql`SELECT ${order.sortAt} AS at, ${stateOf} AS state FROM ${tables.jobs} j WHERE j.id = ${cursor.id}`,
  );
  const at = row && (states.includes(row.state) || cursor.at === null) ? row.at : cursor.at;
  return at === null ? null : { ...cursor, at };
}

type Read = Pick<JobPage, 'rows' | 'previous' | 'next' | 'searched'> & Partial<JobPage>;

/** Reads one page, by the index that has it soonest. */
class JobListReader {
  private readonly states: readonly JobState[];
  private readonly match: RedactedMatch;
  private readonly wanted: number;
  /** The list, whatever its page. */
  private readonly key: string;

  constructor(
    private readonly tx: Tx,
    private readonly tables: GoodJobTables,
    private readonly filter: JobFilter,
    private readonly order: ListOrder,
    private readonly cursor: Cursor | null,
    private readonly options: Required<ListOptions> & { budgetMs: number },
  ) {
    this.states = listedStates(filter);
    this.match = redactedMatch(tables, filter);
    this.wanted = filter.limit + 1;
    this.key = JSON.stringify([
      tables.schema.name,
      order.column,
      order.direction,
      filter.state,
      filter.terms.map(({ param, source }) => [param, source]),
    ]);
  }

  async page(): Promise<Read> {
    const { tx, tables, order } = this;
    const terms = indexTerms(tables, order.column, this.states, this.filter.terms);
    const known = knownSelected(tables, terms);
    const named = terms.find(({ key }) => key.startsWith('["id"') || key.startsWith('["failure"'));
    const few =
      named ??
      (known.selected && (known.selected.count <= FEW || isFar(tables, this.key))
        ? known.selected.term
        : undefined);
    if (few) return this.byTerm(few.condition);
    if (this.states.every((state) => state === 'running'))
      return this.byTerm(await runningByIndex(tx, tables));
    if (!order.indexed) {
      const selected = known.all ? known.selected : await select(tx, tables, terms);
      return selected && !(this.match.needsRecheck && selected.count > FEW_AGAIN)
        ? this.byTerm(selected.term.condition)
        : this.unindexed();
    }
    return this.match.needsRecheck ? this.scanRechecked(terms) : this.scanWindows(terms);
  }

  /** Windows of the list's own order; when the first one does not fill the page, perhaps an index of a term does. */
  private async scanWindows(terms: IndexTerm[]): Promise<Read> {
    const { tx, tables } = this;
    const { budgetMs, firstWindow, exact } = this.options;
    const deadline = performance.now() + budgetMs;
    const scan = this.newScan();
    await byOrderOnly(tx);
    if (!(await scan.step(firstWindow))) {
      const optional = await textIndexTerms(tx, tables, this.filter.terms, exact);
      const all = [...terms, ...optional.terms];
      const known = knownSelected(tables, all);
      const selected = known.all
        ? known.selected
        : await (optional.terms.length > 0 ? this.selectInTime(all) : this.selectByIndexes(all));
      if (selected && (selected.count <= FEW || !(await scan.step(firstWindow * GROWTH)))) {
        const found = await this.byTerm(
          selected.term.condition,
          selected.count <= FEW ? undefined : MANY_MS,
        ).catch((error: unknown) => {
          // So many rows were too slow to read: how far the list's own order was walked still holds.
          if (codeOf(error) !== '57014' || !scan.stoppedAt) throw error;
          return this.answer(scan);
        });
        if (selected.count > FEW && !found.searched) rememberFar(tables, this.key);
        return {
          ...found,
          labelsOfNewest: optional.terms.some(
            (term) => term === selected.term && term.labelsOfNewest,
          ),
        };
      }
      if (!selected) await scan.run(deadline);
      return { ...this.answer(scan), hint: scan.stoppedAt && optional.hint };
    }
    return this.answer(scan);
  }

  /**
   * The same where each job found must be looked at again. Candidates that are left out must not show in how far it
   * looked: the way depends on which indexes there are and on the counts of other terms, and ends after so many rows.
   */
  private async scanRechecked(terms: IndexTerm[]): Promise<Read> {
    const { tx, tables } = this;
    const { budgetMs, firstWindow, indexedWindow, exact } = this.options;
    const scan = this.newScan();
    await byOrderOnly(tx);
    if (await scan.step(firstWindow)) return this.answer(scan);
    const known = knownSelected(tables, terms);
    const selected = known.all ? known.selected : await this.selectByIndexes(terms);
    if (selected && selected.count <= FEW_AGAIN) return this.byTerm(selected.term.condition);
    const optional = await textIndexTerms(tx, tables, this.filter.terms, exact);
    if (optional.terms.length === 0) {
      await scan.runRechecked(budgetMs);
      return { ...this.answer(scan), hint: scan.stoppedAt && optional.hint };
    }
    const few = await this.selectInTime(optional.terms);
    await scan.byIndex(
      join(
        optional.terms.map(({ condition }) => condition),
        ' AND ',
      ),
      indexedWindow,
      few !== null,
    );
    return {
      ...this.answer(scan),
      labelsOfNewest: optional.terms.some(({ labelsOfNewest }) => labelsOfNewest),
    };
  }

  private answer(scan: WindowScan): Read {
    const { order, cursor } = this;
    const page = toPage(scan.rows, cursor, this.filter.limit);
    const { stoppedAt: stop } = scan;
    const { unsearched } = scan;
    if (!stop) return { ...page, searched: null, unsearched };
    const at = order.column === 'priority' || stop.at === 'infinity' ? null : stop.at;
    const further: Cursor = { direction: cursor?.direction ?? 'after', ...stop };
    return {
      ...page,
      ...(further.direction === 'after' ? { next: further } : { previous: further }),
      searched: { at, looked: scan.looked },
      unsearched,
    };
  }

  private async selectByIndexes(terms: IndexTerm[]): Promise<Selected | null> {
    await this.tx.query(sql`SET LOCAL enable_bitmapscan = on`);
    const selected = await select(this.tx, this.tables, terms);
    await this.tx.query(sql`SET LOCAL enable_bitmapscan = off`);
    return selected;
  }

  /**
   * The same with terms of a text. Letters that half of the texts have (`000`) cost their index seconds before the first
   * row comes: such a term is none that selects. Nothing was written, so the savepoint gives back the settings.
   */
  private async selectInTime(terms: IndexTerm[]): Promise<Selected | null> {
    const { tx, tables } = this;
    await tx.query(
      sql`SAVEPOINT selecting; SET LOCAL enable_bitmapscan = on; SET LOCAL statement_timeout = ${raw(String(this.options.selectMs))}`,
    );
    const selected = await select(tx, tables, terms).catch((error: unknown) => {
      if (codeOf(error) !== '57014') throw error;
      rememberUnselective(tables, terms);
      return null;
    });
    await tx.query(sql`ROLLBACK TO SAVEPOINT selecting`);
    return selected;
  }

  /** All jobs on which one term holds, by its index; OFFSET 0 keeps the planner to it. */
  private async byTerm(condition: Sql, timeoutMs = 5_000): Promise<Read> {
    await this.tx.query(
      sql`SET LOCAL enable_bitmapscan = on; SET LOCAL statement_timeout = ${raw(String(timeoutMs))}`,
    );
    return this.read(sql`(SELECT * FROM ${this.tables.jobs} j WHERE ${condition} OFFSET 0)`);
  }

  private async unindexed(): Promise<Read> {
    const { tx, tables, wanted } = this;
    await tx.query(
      sql`SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = ${raw(String(UNINDEXED_MS))}`,
    );
    if (!this.filter.terms.some(isSlow) && !this.match.needsRecheck) return this.read(tables.jobs);
    const scan = this.newScan();
    await scan.step(Math.max(UNINDEXED_WINDOW, wanted));
    return this.answer(scan);
  }

  private newScan(): WindowScan {
    const { tx, tables, order, states, cursor, wanted } = this;
    return new WindowScan(tx, tables, {
      order,
      states,
      terms: this.filter.terms,
      filter: this.match,
      cursor,
      wanted,
      budget: new SearchBudget(),
      idsOnly: this.options.idsOnly,
    });
  }

  private async read(from: Sql): Promise<Read> {
    const { tx, tables, order, cursor, match, filter, wanted } = this;
    const sort = orderBySql(order, order.keys, cursor);
    const beyond = (at: Cursor | null) => (at ? [afterCursorSql(order, order.keys, at)] : []);
    if (match.needsRecheck) {
      const scan = this.newScan();
      await scan.scanIds(
        (at) =>
          sql`SELECT j.id FROM ${from} j WHERE ${join([match.baseSql, ...beyond(at)], ' AND ')} ${sort}`,
      );
      return this.answer(scan);
    }
    const rows = await tx.query<ReadJobRow>(sql`
      SELECT ${this.options.idsOnly ? idColumns(order.sortAt) : jobRowColumns(tables, order.sortAt)}
        FROM (SELECT j.id FROM ${from} j WHERE ${join([match.sql, ...beyond(cursor)], ' AND ')} ${sort} LIMIT ${wanted}) page JOIN ${tables.jobs} j ON j.id = page.id ${sort}`);
    const redacted = this.options.idsOnly ? rows : await redactRows(rows, newJobBudget());
    return { ...toPage(redacted as JobRow[], cursor, filter.limit), searched: null };
  }
}
