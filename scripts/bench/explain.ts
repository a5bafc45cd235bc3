import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sql } from 'sql-template-tag';
import { contextFor } from '../../lib/context/request-context';
import type { Ctx } from '../../lib/context/types';
import { type Database, type Tx, createTx } from '../../lib/db/database';
import type { Case, WritePlan } from './cases';

/** Reading all of a big table is refused, except in these cases, for the reason given. */
const ALLOWED: { table: 'good_jobs' | 'good_job_executions'; name: RegExp; why: string }[] = [];

interface Planned {
  statement: Sql;
  plan: string[];
}

const bare = (text: string): Sql => ({ text, values: [] as unknown[] }) as Sql;

/** Runs each statement under EXPLAIN ANALYZE, undoes what that did, and then runs it as it is. */
function planning(tx: Tx, plans: Planned[]): Tx {
  return createTx(async (statement) => {
    const verb = /^\s*(\w+)/.exec(statement.text)?.[1]?.toUpperCase() ?? '';
    const writes = ['INSERT', 'UPDATE', 'DELETE'].includes(verb);
    if (writes || verb === 'SELECT' || verb === 'WITH') {
      if (writes) await tx.query(bare('SAVEPOINT before_plan'));
      const plan = await tx.query<{ 'QUERY PLAN': string }>({
        text: `EXPLAIN (ANALYZE, BUFFERS) ${statement.text}`,
        values: statement.values,
      } as Sql);
      if (writes) await tx.query(bare('ROLLBACK TO SAVEPOINT before_plan'));
      plans.push({ statement, plan: plan.map((row) => row['QUERY PLAN']) });
    }
    return tx.query(statement);
  });
}

class RollBack extends Error {}

/** A ctx whose reads leave their plans behind. */
function planningCtx(ctx: Ctx, db: Database, plans: Planned[]): Ctx {
  const wrapped: Database = {
    ...db,
    read: (fn, options) =>
      db.read((tx) => fn(planning(tx, plans)), { timeoutMs: 10_000, ...options }),
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

async function plansOfWrite(write: WritePlan, ctx: Ctx, db: Database): Promise<Planned[]> {
  const plans: Planned[] = [];
  await db
    .write(async (tx) => {
      await write.run(planning(tx, plans), ctx.tables);
      throw new RollBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RollBack)) throw error;
    });
  return plans;
}

function fullScans(name: string, plans: Planned[]): string[] {
  const scanned = plans.flatMap(({ plan }) =>
    plan.flatMap(
      (line) => /Seq Scan on (?:\w+\.)?(good_jobs|good_job_executions)\b/.exec(line)?.[1] ?? [],
    ),
  );
  return [...new Set(scanned)]
    .filter((table) => !ALLOWED.some((rule) => rule.table === table && rule.name.test(name)))
    .map((table) => `${name}: reads all of ${table}`);
}

/**
 * Saves the plan of every query of the cases, one file a case; `writes` are rolled back. Returns the sequential
 * scans of the big tables that nobody has allowed.
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
  const save = async (name: string, plans: Planned[]) => {
    const text = plans
      .map(({ statement, plan }) =>
        [statement.text.trim(), `-- ${JSON.stringify(statement.values)}`, ...plan].join('\n'),
      )
      .join('\n\n\n');
    await writeFile(
      path.join(
        folder,
        `${name
          .toLowerCase()
          .replace(/[^a-z0-9]+/g, '-')
          .replace(/^-|-$/g, '')}.txt`,
      ),
      `${name}\n\n${text}\n`,
    );
    problems.push(...fullScans(name, plans));
  };
  for (const one of cases) {
    const plans: Planned[] = [];
    await one.sql(planningCtx(ctx, db, plans));
    await save(one.name, plans);
  }
  for (const write of writes) await save(write.name, await plansOfWrite(write, ctx, db));
  return problems;
}
