import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { type Cursor, toPage } from '../core/urls';
import { isStatementTimeout } from '../db/connection';
import { type Tx, nullOnTimeout } from '../db/database';
import { refreshRunning, runningByIndex } from '../good-job/locks';
import { type GoodJobTables, stateOf } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { isSlowTerm } from '../search/conditions';
import {
  type IndexTerm,
  type SelectedTerm,
  indexTerms,
  isFasterByTerm,
  cachedSelection,
  markFasterByTerm,
  markUnselective,
  selectTerm,
} from '../search/index-hints';
import { textIndexTerms } from '../search/text-indexes';
import { type JobFilter, isUnderstood, listedStates, resolveFilter, sortOf } from './filters';
import { type ListOrder, afterCursorSql, listOrder, orderBySql } from './order';
import { type RedactedMatch, SearchBudget, redactedMatch } from './recheck';
import { JOB_IDS, type ListedId, type RowReader, jobRows } from './rows';
import { searchMarks } from './summary';
import { newJobBudget } from './texts';
import type { JobPage } from './types';
import { FIRST_WINDOW, WINDOW_GROWTH, WindowScan, forceListOrder } from './window-scan';

const EMPTY_PAGE: JobPage<never> = {
  rows: [],
  previous: null,
  next: null,
  partial: null,
  resolvedIds: [],
  hint: null,
  hasNewestLabelsOnly: false,
  unsearched: 0,
};

/**
 * Up to this many matches of a term are read and sorted; with more, the list's own order finds a
 * page sooner.
 */
const FEW_MATCHES = 2_000;
/** Statement timeout for counting the matches of terms. */
const SELECT_MS = 300;
/** Statement timeout for reading and sorting more than FEW_MATCHES. */
const MANY_MS = 400;
/** Statement timeout when the schema lacks the index of the order and all jobs must be sorted. */
const UNINDEXED_MS = 1_500;
/** Rows that a text search scans when the schema lacks the index of the order. */
const UNINDEXED_WINDOW = 20_000;
/** Up to this many matches of a term are read when each must be rechecked. */
const FEW_RECHECKED_MATCHES = 10_000;
/**
 * Rows of the list that one page covers when a text index selects candidates that must be
 * rechecked.
 */
const INDEXED_WINDOW = 60_000;

/** Options of `listJobs`. */
interface ListOptions {
  /** Rows of the first window. */
  firstWindow?: number;
  /** Rows that one page covers when a text index selects candidates that must be rechecked. */
  indexedWindow?: number;
  /** Statement timeout for counting the matches of terms. */
  selectMs?: number;
  /**
   * For exports and bulk runs, which read all pages: uses no index that misses jobs
   * (`hasNewestLabelsOnly`), and continues from the cursor's stored time even if its job has moved.
   */
  exact?: boolean;
}

/**
 * Returns one page of jobs, in the filter's order or the natural order of its states. Throws
 * ConsoleError `query_timeout`.
 */
export async function listJobs(
  ctx: Ctx,
  input: JobFilter,
  options: ListOptions = {},
): Promise<JobPage> {
  return readList(ctx, input, options, jobRows(searchMarks(input.terms)));
}

/** Like `listJobs`, but reads only the id and the sort key of each job. */
export async function listJobIds(
  ctx: Ctx,
  input: JobFilter,
  options: ListOptions = {},
): Promise<JobPage<ListedId>> {
  return readList(ctx, input, options, JOB_IDS);
}

async function readList<Stored extends ListedId, Item extends ListedId>(
  ctx: Ctx,
  input: JobFilter,
  {
    firstWindow = FIRST_WINDOW,
    indexedWindow = INDEXED_WINDOW,
    selectMs = SELECT_MS,
    exact = false,
  }: ListOptions,
  reader: RowReader<Stored, Item>,
): Promise<JobPage<Item>> {
  const states = listedStates(input);
  if (!isUnderstood(input) || states.length === 0) return EMPTY_PAGE;
  if (states.every((state) => state === 'running')) refreshRunning(ctx);
  const { tables } = ctx;
  const order = listOrder(tables, sortOf(input), states);
  const read = async (tx: Tx): Promise<JobPage<Item>> => {
    const { filter, resolvedIds } = await resolveFilter(tx, tables, input);
    const cursor =
      filter.cursor &&
      (exact && filter.cursor.at !== null
        ? filter.cursor
        : await resolveCursor(tx, tables, order, states, filter.cursor));
    if (filter.cursor && !cursor) return { ...EMPTY_PAGE, resolvedIds };
    const page = await new JobListReader(tx, tables, filter, order, cursor, {
      reader,
      budgetMs: ctx.searchBudgetMs,
      firstWindow,
      indexedWindow,
      selectMs,
      exact,
    }).page();
    return { ...EMPTY_PAGE, ...page, resolvedIds };
  };
  return ctx.db.read(read, { byIndexOnly: true });
}

/** `at` is null for a job that has not started, in a list by start time. */
const cursorRow = z.strictObject({ at: z.string().nullable(), state: z.enum(JOB_STATES) });

/**
 * Returns the cursor with the current sort key of its row. If the row was deleted or has left the
 * listed states, the cursor's own time is used; null if it has none.
 */
async function resolveCursor(
  tx: Tx,
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  cursor: Cursor,
): Promise<Cursor | null> {
  const [row] = await tx.query(
    cursorRow,
    sql`
      SELECT ${order.sortAt} AS at, ${stateOf} AS state
        FROM ${tables.jobs} j
       WHERE j.id = ${cursor.id}`,
  );
  const at = row && (states.includes(row.state) || cursor.at === null) ? row.at : cursor.at;
  return at === null ? null : { ...cursor, at };
}

type PageResult<Item> = Pick<JobPage<Item>, 'rows' | 'previous' | 'next' | 'partial'> &
  Partial<JobPage<Item>>;

interface ReaderOptions<
  Stored extends ListedId,
  Item extends ListedId,
> extends Required<ListOptions> {
  reader: RowReader<Stored, Item>;
  budgetMs: number;
}

/** Reads one page by the index that is expected to be fastest. */
class JobListReader<Stored extends ListedId, Item extends ListedId> {
  private readonly states: readonly JobState[];
  private readonly match: RedactedMatch;
  private readonly wanted: number;
  /** Cache key of the list, the same for all of its pages. */
  private readonly key: string;

  constructor(
    private readonly tx: Tx,
    private readonly tables: GoodJobTables,
    private readonly filter: JobFilter,
    private readonly order: ListOrder,
    private readonly cursor: Cursor | null,
    private readonly options: ReaderOptions<Stored, Item>,
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

  async page(): Promise<PageResult<Item>> {
    const { tx, tables, order } = this;
    const terms = indexTerms(tables, order.column, this.states, this.filter.terms);
    const cached = cachedSelection(tables, terms);
    const idTerm = terms.find(({ key }) => key.startsWith('["id"') || key.startsWith('["failure"'));
    if (idTerm) return this.byTerm(idTerm.condition);
    if (
      cached.selected &&
      (cached.selected.count <= FEW_MATCHES || isFasterByTerm(tables, this.key))
    )
      return this.byTerm(cached.selected.term.condition);
    if (this.states.every((state) => state === 'running'))
      return this.byTerm(await runningByIndex(tx, tables));
    if (!order.isIndexed) {
      const selected = cached.all ? cached.selected : await selectTerm(tx, tables, terms);
      return selected && !(this.match.needsRecheck && selected.count > FEW_RECHECKED_MATCHES)
        ? this.byTerm(selected.term.condition)
        : this.unindexed();
    }
    return this.match.needsRecheck ? this.scanRechecked(terms) : this.scanWindows(terms);
  }

  /**
   * Scans windows in the list's order. If the first window does not fill the page, an index of a
   * term may be faster.
   */
  private async scanWindows(terms: IndexTerm[]): Promise<PageResult<Item>> {
    const { tx, tables } = this;
    const { budgetMs, firstWindow, exact } = this.options;
    const deadline = performance.now() + budgetMs;
    const scan = this.newScan();
    await forceListOrder(tx);
    if (await scan.step(firstWindow)) return this.pageOf(scan);
    const optional = await textIndexTerms(tx, tables, this.filter.terms, exact);
    const all = [...terms, ...optional.terms];
    const cached = cachedSelection(tables, all);
    const selected = cached.all
      ? cached.selected
      : await (optional.terms.length > 0 ? this.selectInTime(all) : this.selectByIndexes(all));
    if (
      selected &&
      (selected.count <= FEW_MATCHES || !(await scan.step(firstWindow * WINDOW_GROWTH)))
    ) {
      const page = await this.bySelectedTerm(selected, scan);
      const hasNewestLabelsOnly = optional.terms.some(
        (term) => term === selected.term && term.hasNewestLabelsOnly,
      );
      return { ...page, hasNewestLabelsOnly };
    }
    if (!selected) await scan.scanUntil(deadline);
    return { ...this.pageOf(scan), hint: scan.resumeCursor && optional.hint };
  }

  /**
   * Reads the page by the index of a term; if that times out, it returns what the scan has found.
   */
  private async bySelectedTerm(
    { term, count }: SelectedTerm,
    scan: WindowScan<Stored, Item>,
  ): Promise<PageResult<Item>> {
    const isMany = count > FEW_MATCHES;
    const page = await this.byTerm(term.condition, isMany ? MANY_MS : undefined).catch(
      (error: unknown) => {
        if (!isStatementTimeout(error) || !scan.resumeCursor) throw error;
        return this.pageOf(scan);
      },
    );
    if (isMany && !page.partial) markFasterByTerm(this.tables, this.key);
    return page;
  }

  /**
   * Like `scanWindows`, for filters whose matches must be rechecked. The choice of the index and
   * the end of the search must not depend on rejected candidates, because the page shows how far it
   * got.
   */
  private async scanRechecked(terms: IndexTerm[]): Promise<PageResult<Item>> {
    const { tx, tables } = this;
    const { budgetMs, firstWindow, indexedWindow, exact } = this.options;
    const scan = this.newScan();
    await forceListOrder(tx);
    if (await scan.step(firstWindow)) return this.pageOf(scan);
    const cached = cachedSelection(tables, terms);
    const selected = cached.all ? cached.selected : await this.selectByIndexes(terms);
    if (selected && selected.count <= FEW_RECHECKED_MATCHES)
      return this.byTerm(selected.term.condition);
    const optional = await textIndexTerms(tx, tables, this.filter.terms, exact);
    if (optional.terms.length === 0) {
      await scan.scanWithRecheck(budgetMs);
      return { ...this.pageOf(scan), hint: scan.resumeCursor && optional.hint };
    }
    const few = await this.selectInTime(optional.terms);
    await scan.scanByIndex(
      join(
        optional.terms.map(({ condition }) => condition),
        ' AND ',
      ),
      indexedWindow,
      few !== null,
    );
    return {
      ...this.pageOf(scan),
      hasNewestLabelsOnly: optional.terms.some(({ hasNewestLabelsOnly }) => hasNewestLabelsOnly),
    };
  }

  private pageOf(scan: WindowScan<Stored, Item>): PageResult<Item> {
    const { order, cursor } = this;
    const page = toPage(scan.rows, cursor, this.filter.limit);
    const { resumeCursor: position, unsearched } = scan;
    if (!position) return { ...page, partial: null, unsearched };
    const at = order.column === 'priority' || position.at === 'infinity' ? null : position.at;
    const resumeCursor: Cursor = { direction: cursor?.direction ?? 'after', ...position };
    return {
      ...page,
      ...(resumeCursor.direction === 'after' ? { next: resumeCursor } : { previous: resumeCursor }),
      partial: { at, scanned: scan.scanned },
      unsearched,
    };
  }

  private async selectByIndexes(terms: IndexTerm[]): Promise<SelectedTerm | null> {
    await this.tx.execute(sql`SET LOCAL enable_bitmapscan = on`);
    const selected = await selectTerm(this.tx, this.tables, terms);
    await this.tx.execute(sql`SET LOCAL enable_bitmapscan = off`);
    return selected;
  }

  /**
   * Like `selectByIndexes`, with a timeout: a frequent text (`000`) costs a trigram index seconds,
   * and is not selective.
   */
  private async selectInTime(terms: IndexTerm[]): Promise<SelectedTerm | null> {
    const { tx, tables } = this;
    const result = await nullOnTimeout(tx, this.options.selectMs, async () => {
      await tx.execute(sql`SET LOCAL enable_bitmapscan = on`);
      return { selected: await selectTerm(tx, tables, terms) };
    });
    if (!result) markUnselective(tables, terms);
    return result?.selected ?? null;
  }

  /**
   * Reads all jobs that match one term, by its index. OFFSET 0 keeps the planner from using another
   * index.
   */
  private async byTerm(condition: Sql, timeoutMs = 5_000): Promise<PageResult<Item>> {
    await this.tx.execute(sql`
      SET LOCAL enable_bitmapscan = on;
      SET LOCAL statement_timeout = ${raw(String(timeoutMs))}`);
    return this.read(sql`(SELECT * FROM ${this.tables.jobs} j WHERE ${condition} OFFSET 0)`);
  }

  private async unindexed(): Promise<PageResult<Item>> {
    const { tx, tables, wanted } = this;
    await tx.execute(sql`
      SET LOCAL enable_seqscan = on;
      SET LOCAL statement_timeout = ${raw(String(UNINDEXED_MS))}`);
    if (!this.filter.terms.some(isSlowTerm) && !this.match.needsRecheck)
      return this.read(tables.jobs);
    const scan = this.newScan();
    await scan.step(Math.max(UNINDEXED_WINDOW, wanted));
    return this.pageOf(scan);
  }

  private newScan(): WindowScan<Stored, Item> {
    const { tx, tables, order, states, cursor, wanted } = this;
    return new WindowScan(tx, tables, {
      reader: this.options.reader,
      order,
      states,
      terms: this.filter.terms,
      filter: this.match,
      cursor,
      wanted,
      budget: new SearchBudget(),
    });
  }

  private async read(from: Sql): Promise<PageResult<Item>> {
    const { tx, tables, order, cursor, match, filter, wanted } = this;
    const { reader } = this.options;
    const sort = orderBySql(order, order.keys, cursor);
    const afterCursor = (at: Cursor | null) => (at ? [afterCursorSql(order, order.keys, at)] : []);
    if (match.needsRecheck) {
      const scan = this.newScan();
      await scan.scanIds(
        (at) => sql`
          SELECT j.id
            FROM ${from} j
           WHERE ${join([match.baseSql, ...afterCursor(at)], ' AND ')}
           ${sort}`,
      );
      return this.pageOf(scan);
    }
    const rows = await tx.query(
      reader.schema,
      sql`
        SELECT ${reader.columns(tables, order.sortAt)}
          FROM (SELECT j.id
                  FROM ${from} j
                 WHERE ${join([match.sql, ...afterCursor(cursor)], ' AND ')}
                 ${sort}
                 LIMIT ${wanted}) page
          JOIN ${tables.jobs} j ON j.id = page.id
         ${sort}`,
    );
    const items = await reader.toItems(rows, newJobBudget());
    return { ...toPage(items, cursor, filter.limit), partial: null };
  }
}
