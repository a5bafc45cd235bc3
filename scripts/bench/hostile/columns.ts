import type pg from 'pg';
import { HOSTILE_JSON, type HostileText, textOf } from '../../../test/hostile/texts';
import {
  type HostileJob,
  type MeasuredRows,
  type Values,
  insertHostileAudit,
  insertHostileJobs,
  insertHostileProcess,
} from './plant';

/** A group of hostile rows with which every page is measured. */
export interface RowGroup {
  name: string;
  plant: (client: pg.Client) => Promise<MeasuredRows>;
}

/** A hostile text of one length, without characters that Postgres rejects. */
interface Text {
  name: string;
  text: string;
}

const LENGTHS = [60_000, 200_000, 1_000_000];
const PER_COLUMN = 24;

/** Selects texts for columns: half are the worst, the others rotate so that all are used. */
export class TextRotation {
  private at = 0;

  constructor(
    private readonly worst: HostileText[],
    private readonly others: HostileText[],
  ) {}

  next(count = PER_COLUMN): Text[] {
    const half = this.worst.slice(0, count >> 1);
    const rest = Array.from(
      { length: count - half.length },
      (_, n) => this.others[(this.at + n) % this.others.length],
    ).filter((text) => text !== undefined);
    this.at += rest.length;
    return [...half, ...rest].map((text, n) => {
      const length = LENGTHS[n % LENGTHS.length] ?? 0;
      // Postgres rejects NUL and lone surrogates.
      const stored = Buffer.from(textOf(text, length).replaceAll('\0', ' ')).toString();
      return { name: text.name, text: stored };
    });
  }
}

const json = (value: unknown) => JSON.stringify(value);
/** The beginning of a text without a lone surrogate at its end. */
const prefixOf = (text: string, length: number) => Buffer.from(text.slice(0, length)).toString();

function jobColumnGroup(
  name: string,
  rotation: TextRotation,
  job: (text: string, n: number) => HostileJob,
): RowGroup {
  return {
    name,
    plant: async (client) => {
      const texts = rotation.next();
      const subject = await insertHostileJobs(
        client,
        name,
        texts.map(({ text }, n) => job(text, n)),
      );
      subject.texts = texts.map((text) => text.name);
      return subject;
    },
  };
}

function batchColumnGroup(
  name: string,
  rotation: TextRotation,
  column: (text: string) => Values,
): RowGroup {
  return {
    name,
    plant: async (client) => {
      const texts = rotation.next();
      let subject: MeasuredRows | undefined;
      for (const { text } of texts)
        subject = await insertHostileJobs(client, name, [{}, {}], column(text));
      if (!subject) throw new Error(`No text for ${name}.`);
      return { ...subject, texts: texts.map((text) => text.name) };
    },
  };
}

const upsertPauses = (client: pg.Client, value: string) =>
  client.query(
    `INSERT INTO good_job_settings (key, value, created_at, updated_at)
     VALUES ('pauses', $1, now(), now())
     ON CONFLICT (key) DO UPDATE
     SET value = excluded.value`,
    [value],
  );

const ERROR_STATES = ['discarded', 'retried'] as const;
const errorState = (n: number) => ERROR_STATES[n % 2];

const argumentGroups = (rotation: TextRotation): RowGroup[] => [
  jobColumnGroup('argument, a string', rotation, (text) => ({ args: json([{ note: text }]) })),
  jobColumnGroup('argument, a secret', rotation, (text, n) => ({
    args: json([{ password: prefixOf(text, 30 + n), token: text, note: text }]),
    columns: { labels: Array.from({ length: 20 }, (_, at) => text.slice(at, at + 300)) },
  })),
  jobColumnGroup('argument, a key', rotation, (text) => ({ args: json([{ [text]: 1 }]) })),
  jobColumnGroup('argument, JSON in a string', rotation, (text) => ({
    args: json([json({ note: text, list: [prefixOf(text, 10_000)] })]),
  })),
  jobColumnGroup('payload, another key', rotation, (text) => ({
    args: json([prefixOf(text, 1_000)]),
    columns: {
      serialized_params: json({ job_class: 'TestJob', arguments: [], locale: 'en', own: text }),
    },
  })),
];

const jobGroups = (rotation: TextRotation): RowGroup[] => [
  jobColumnGroup('error', rotation, (text, n) => ({
    columns: { error: `RuntimeError: ${text}` },
    state: errorState(n),
  })),
  jobColumnGroup('error that repeats a secret', rotation, (text, n) => ({
    args: json([{ api_token: prefixOf(text, 64), note: text }]),
    columns: { error: text },
    state: errorState(n),
  })),
  jobColumnGroup('labels', rotation, (text) => ({
    columns: { labels: [text, ...Array.from({ length: 30 }, (_, n) => prefixOf(text, 40 + n))] },
  })),
  jobColumnGroup('queue_name, job_class, cron_key, concurrency_key', rotation, (text, n) => {
    // Some names are short enough for a URL, for the pages of a class, queue and cron key.
    const name = n % 4 === 0 ? prefixOf(text, 200) : text;
    return {
      columns: {
        queue_name: name,
        job_class: name,
        cron_key: name,
        cron_at: new Date().toISOString(),
        concurrency_key: name,
      },
    };
  }),
];

const executionGroups = (rotation: TextRotation): RowGroup[] => [
  jobColumnGroup('executions.error', rotation, (text, n) => ({
    execution: { error: text },
    state: errorState(n),
  })),
  jobColumnGroup('executions.error_backtrace', rotation, (text, n) => ({
    execution: {
      error_backtrace: [text, ...Array.from({ length: 200 }, () => prefixOf(text, 5_000))],
    },
    state: errorState(n),
  })),
  jobColumnGroup('executions.serialized_params', rotation, (text) => ({
    execution: {
      serialized_params: json({ arguments: [text, { [prefixOf(text, 1_000)]: text }] }),
    },
  })),
];

function batchGroup(rotation: TextRotation): RowGroup {
  return batchColumnGroup('batches: every text column', rotation, (text) => ({
    description: text,
    serialized_properties: json({
      note: text,
      [prefixOf(text, 1_000)]: text,
      _aj_symbol_keys: [],
    }),
    on_finish: text,
    on_success: text,
    on_discard: text,
    callback_queue_name: text,
  }));
}

function processGroup(rotation: TextRotation): RowGroup {
  return {
    name: 'processes.state',
    plant: async (client) => {
      const texts = rotation.next();
      const subject = await insertHostileJobs(client, 'processes.state', [{}, {}, {}, {}, {}, {}]);
      for (const { text } of texts)
        subject.process = await insertHostileProcess(
          client,
          json({
            hostname: text,
            proctitle: text,
            pid: 1,
            schedulers: [{ name: text, queues: text, max_threads: 5 }],
            [prefixOf(text, 1_000)]: text,
          }),
        );
      return { ...subject, texts: texts.map((text) => text.name) };
    },
  };
}

function settingGroup(rotation: TextRotation): RowGroup {
  return {
    name: 'settings.value',
    plant: async (client) => {
      const texts = rotation.next();
      const subject = await insertHostileJobs(client, 'settings.value', [{}, {}, {}, {}, {}, {}]);
      const names = texts.map(({ text }) => prefixOf(text, 40_000));
      await upsertPauses(client, json({ queues: names, job_classes: names, labels: names }));
      return { ...subject, texts: texts.map((text) => text.name) };
    },
  };
}

function auditGroup(rotation: TextRotation): RowGroup {
  return {
    name: 'audit_events: reason, viewer, target_name, details, before, after',
    plant: async (client) => {
      const texts = rotation.next();
      const subject = await insertHostileJobs(client, 'audit_events', [{}, {}, {}, {}, {}, {}]);
      const [job = ''] = subject.jobs;
      for (const { text } of texts) {
        const details = json({ filter: text, [prefixOf(text, 1_000)]: text });
        const state = json({ [job]: { error: text, queue_name: text, labels: [text] } });
        await insertHostileAudit(client, job, {
          reason: text,
          details,
          before: state,
          after: state,
        });
        const short = prefixOf(text, 60_000);
        await insertHostileAudit(client, job, {
          viewer: short,
          viewer_name: short,
          target_name: short,
        });
      }
      return { ...subject, texts: texts.map((text) => text.name) };
    },
  };
}

/**
 * One group for each text column of jobs, executions, batches, processes, settings and the audit.
 */
export function columnGroups(rotation: TextRotation): RowGroup[] {
  return [
    ...argumentGroups(rotation),
    ...jobGroups(rotation),
    ...executionGroups(rotation),
    batchGroup(rotation),
    processGroup(rotation),
    settingGroup(rotation),
    auditGroup(rotation),
  ];
}

const repeat = (unit: string, length: number) => unit.repeat(Math.ceil(length / unit.length));
const LINE =
  'Net::ReadTimeout: "a=1&b=2" Key (email)=(a@example.com) {"id" => 12} in /app/x.rb:12\n';
const jsonOf = (name: string, length: number) =>
  `[${HOSTILE_JSON.find((structure) => structure.name === name)?.json(length) ?? 'null'}]`;
const arns = Array.from(
  { length: 4_000 },
  (_, n) => `arn:aws:iam::123456789012:role/service-role/worker-${n}-production`,
);

/** One of the JSON structures; nested ones are shorter, because jsonb limits the depth. */
function structuredArguments(n: number): string {
  const { name = '', json: make } = HOSTILE_JSON[n % HOSTILE_JSON.length] ?? {};
  return `[${make?.(/ in (?:array|object)$/.test(name) ? 10_000 : 60_000) ?? 'null'}]`;
}

function sample(name: string, jobs: () => HostileJob[]): RowGroup {
  return {
    name,
    plant: async (client) => ({
      ...(await insertHostileJobs(client, name, jobs())),
      texts: [name],
    }),
  };
}
/** The same job in every state, so that every action has one. */
const repeatForStates = (job: HostileJob): HostileJob[] => Array.from({ length: 6 }, () => job);

/** Rows that once blocked a server, and the largest ones. */
export function sampleGroups(): RowGroup[] {
  const createJobs = (count: number, job: (n: number) => HostileJob) =>
    Array.from({ length: count }, (_, n) => job(n));
  return [
    sample('argument of 200 kB of `)=`', () =>
      repeatForStates({ args: json([{ note: repeat(')=', 200_000) }]) }),
    ),
    sample('argument of 600 kB of `")="`', () =>
      repeatForStates({ args: json([{ note: repeat('")="', 600_000) }]) }),
    ),
    sample('1,500 tokens with one beginning, and 150 kB of `a`', () =>
      repeatForStates({
        args: json([
          {
            tokens: Array.from({ length: 1_500 }, (_, n) => `${repeat('a', 48)}${n}`),
            note: repeat('a', 150_000),
          },
        ]),
        columns: { labels: [repeat('a', 200)] },
      }),
    ),
    sample('4,000 ARNs, twice', () => repeatForStates({ args: json([{ arns }, { again: arns }]) })),
    sample('200 discarded jobs with errors of 96 kB', () =>
      createJobs(200, () => ({ columns: { error: repeat(LINE, 96_000) }, state: 'discarded' })),
    ),
    sample('60 jobs with errors of 1.5 MB', () =>
      createJobs(60, (n) => ({
        columns: { error: repeat(LINE, 1_500_000) },
        state: errorState(n),
      })),
    ),
    sample('30 jobs with 1.8 MB of JSON', () =>
      createJobs(30, () => ({
        args: json(
          Array.from({ length: 9_000 }, (_, n) => ({ id: n, note: repeat('x=1 "y": 2 ', 170) })),
        ),
      })),
    ),
    sample('an argument of 40 MB', () =>
      repeatForStates({ args: json([repeat('a=1 "b": 2 ', 40_000_000)]) }).slice(0, 2),
    ),
    sample('JSON to a depth of 5,000, 1,000,000 elements, 50,000 keys, 25,000 of them secret', () =>
      [
        jsonOf('array in array', 10_000),
        jsonOf('object in object', 30_000),
        jsonOf('numbers', 2_000_000),
        jsonOf('keys', 1_000_000),
        jsonOf('secret keys', 1_000_000),
        jsonOf('JSON in strings in JSON', 1_000_000),
      ].flatMap((args) => repeatForStates({ args })),
    ),
    sample('jobs just below 64 kB of structure', () =>
      createJobs(120, (n) => ({
        args: structuredArguments(n),
        columns: { error: repeat(')=', 60_000) },
        state: 'discarded',
      })),
    ),
  ];
}
