import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { type Database, type Tx, createTx } from '../../lib/db/database';
import type { Case, WritePlan } from './cases';

/** Cases in which a sequential scan of a large table is allowed, with the reason. */
const ALLOWED_SCANS: {
  table: 'good_jobs' | 'good_job_executions';
  name: RegExp;
  reason: string;
}[] = [];

interface PlannedStatement {
  statement: Sql;
  plan: string[];
}

const planRow = z.strictObject({ 'QUERY PLAN': z.string() });

/** Runs each statement with EXPLAIN ANALYZE, rolls that back, and runs it normally. */
function recordPlans(tx: Tx, plans: PlannedStatement[]): Tx {
  return createTx(async (statement) => {
    const verb = /^\s*(\w+)/.exec(statement.text)?.[1]?.toUpperCase() ?? '';
    const writes = ['INSERT', 'UPDATE', 'DELETE'].includes(verb);
    if (writes || verb === 'SELECT' || verb === 'WITH') {
      if (writes) await tx.execute(sql`SAVEPOINT before_plan`);
      const plan = await tx.query(planRow, sql`EXPLAIN (ANALYZE, BUFFERS) ${statement}`);
      if (writes) await tx.execute(sql`ROLLBACK TO SAVEPOINT before_plan`);
      plans.push({ statement, plan: plan.map((row) => row['QUERY PLAN']) });
    }
    return tx.query(z.unknown(), statement);
  });
}

class RollBack extends Error {}

/** Returns a context that records the plans of its reads. */
function withRecordedPlans(ctx: Ctx, db: Database, plans: PlannedStatement[]): Ctx {
  const wrapped: Database = {
    ...db,
    read: (fn, options) =>
      db.read((tx) => fn(recordPlans(tx, plans)), { timeoutMs: 10_000, ...options }),
  };
  return contextFor({
    viewer: ctx.viewer,
    db: wrapped,
    tables: ctx.tables,
    consoleSchema: ctx.consoleSchema,
    requestId: ctx.requestId,
    readOnly: true,
  });
}

async function recordWritePlans(
  write: WritePlan,
  ctx: Ctx,
  db: Database,
): Promise<PlannedStatement[]> {
  const plans: PlannedStatement[] = [];
  await db
    .write(async (tx) => {
      await write.run(recordPlans(tx, plans), ctx.tables);
      throw new RollBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RollBack)) throw error;
    });
  return plans;
}

function findFullScans(name: string, plans: PlannedStatement[]): string[] {
  const scannedTables = plans.flatMap(({ plan }) =>
    plan.flatMap(
      (line) => /Seq Scan on (?:\w+\.)?(good_jobs|good_job_executions)\b/.exec(line)?.[1] ?? [],
    ),
  );
  return [...new Set(scannedTables)]
    .filter((table) => !ALLOWED_SCANS.some((rule) => rule.table === table && rule.name.test(name)))
    .map((table) => `${name}: reads all of ${table}`);
}

/**
 * Saves the plans of all queries, one file per case; `writes` are rolled back. Returns the
 * sequential scans of large tables that are not allowed.
 */
export async function explain(
  cases: Case[],
  writes: WritePlan[],
  ctx: Ctx,
  db: Database,
  folder: string,
): Promise<string[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const problems: string[] = [];
  const save = async (name: string, plans: PlannedStatement[]) => {
    const text = plans
      .map(({ statement, plan }) =>
        [statement.text.trim(), `-- ${JSON.stringify(statement.values)}`, ...plan].join('\n'),
      )
      .join('\n\n\n');
    const slug = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
    await writeFile(path.join(folder, `${slug}.txt`), `${name}\n\n${text}\n`);
    problems.push(...findFullScans(name, plans));
  };
  for (const benchCase of cases) {
    const plans: PlannedStatement[] = [];
    await benchCase.sql(withRecordedPlans(ctx, db, plans));
    await save(benchCase.name, plans);
  }
  for (const write of writes) await save(write.name, await recordWritePlans(write, ctx, db));
  return problems;
}
