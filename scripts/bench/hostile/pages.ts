import type { MeasuredRows } from './plant';

/** One request: a page, poll, search, count, completion, export or raw view. */
export interface Page {
  name: string;
  path: string;
  /** The response is a file, so the time to the first byte is measured. */
  streams?: true;
}

const withQuery = (path: string, query: Record<string, string>) =>
  `${path}?${new URLSearchParams(query)}`;
const STATES = ['scheduled', 'retried', 'queued', 'running', 'succeeded', 'discarded'];

/** Searches of each kind: words, fields, patterns, negations. */
const SEARCHES: Record<string, string> = {
  'a word': 'password',
  'a symbol': '=',
  'two words': 'timeout aaa',
  'an error': 'error:Timeout',
  'an argument': 'args.0.note:x',
  'a label pattern': 'label:*a*',
  'a queue pattern': 'queue:*a*',
  'a class pattern': 'class:*a*',
  'a cron pattern': 'cron:*a*',
  'a word negated': '-zzz',
  'a label pattern negated': '-label:*zz*',
  'an argument negated': '-args.0.note:zz',
  'nothing that exists': 'no-such-word-anywhere',
};

/** All pages of the console for these rows. */
export function pagesOf(subject: MeasuredRows): Page[] {
  const { batch } = subject;
  const batchQuery = { q: `batch:${batch}` };
  return [
    { name: '/', path: '/' },
    { name: 'poll of /', path: '/api/overview' },
    ...lists(batchQuery),
    ...searches(subject),
    ...completions(),
    ...jobPages(subject),
    ...batchPages(batch),
    ...['', '?by=class', '?by=exception', '?finished_since=7_days_ago', '?deep=1'].map((query) => ({
      name: `/cleaner${query}`,
      path: `/cleaner${query}`,
    })),
    ...pageAndPoll('/attention'),
    ...pageAndPoll('/queues'),
    ...pageAndPoll('/processes'),
    ...(subject.process
      ? [{ name: 'raw process', path: `/api/processes/${subject.process}/raw` }]
      : []),
    ...pageAndPoll('/cron_entries'),
    ...(subject.cronKey === null
      ? []
      : [
          {
            name: '/cron_entries/:key',
            path: `/cron_entries/${encodeURIComponent(subject.cronKey)}`,
          },
        ]),
    { name: '/performance', path: '/performance' },
    ...(subject.jobClass === null
      ? []
      : [
          {
            name: '/performance/:class',
            path: `/performance/${encodeURIComponent(subject.jobClass)}`,
          },
        ]),
    ...pageAndPoll('/pauses'),
    ...['queue', 'job_class', 'label'].map((kind) => ({
      name: `completion of a pause: ${kind}`,
      path: withQuery('/api/pauses/values', { kind, typed: '' }),
    })),
    ...pageAndPoll('/audit'),
    { name: 'export of the audit', path: '/api/audit/export?format=csv', streams: true },
    { name: '/bulk', path: '/bulk' },
  ];
}

/** A page and its poll. */
const pageAndPoll = (path: string): Page[] => [
  { name: path, path },
  { name: `poll of ${path}`, path: `/api${path}` },
];

function lists(batchQuery: Record<string, string>): Page[] {
  const columns = 'class,queue,labels,error,cron,args.0,args.0.note';
  return [
    { name: '/jobs', path: '/jobs' },
    { name: '/jobs, 100 rows', path: '/jobs?limit=100' },
    { name: '/jobs with columns', path: withQuery('/jobs', { columns }) },
    ...STATES.map((state) => ({ name: `/jobs, ${state}`, path: `/jobs?state=${state}` })),
    { name: 'poll of /jobs', path: '/api/jobs?include=counts,chart' },
    { name: 'poll of /jobs with columns', path: withQuery('/api/jobs', { columns, limit: '100' }) },
    { name: 'chart by class', path: '/api/jobs/chart?range=day&by=class' },
    { name: 'chart by queue', path: '/api/jobs/chart?range=day&by=queue' },
    ...['csv', 'ndjson'].map((format) => ({
      name: `export, ${format}`,
      path: withQuery('/api/jobs/export', { ...batchQuery, format }),
      streams: true as const,
    })),
  ];
}

function searches({ batch, jobs, queue, jobClass }: MeasuredRows): Page[] {
  return [
    ...Object.entries(SEARCHES).flatMap(([name, q]): Page[] => [
      { name: `search: ${name}`, path: withQuery('/jobs', { q }) },
      { name: `counts: ${name}`, path: withQuery('/api/jobs/counts', { q }) },
    ]),
    {
      name: 'poll of a search',
      path: withQuery('/api/jobs', { q: 'password', include: 'counts' }),
    },
    { name: 'search in a batch', path: withQuery('/jobs', { q: `batch:${batch} -zzz` }) },
    { name: 'search: a UUID', path: withQuery('/jobs', { q: jobs[0] ?? '' }) },
    ...(queue === null
      ? []
      : [{ name: 'jobs of the queue', path: withQuery('/jobs', { queue_name: queue }) }]),
    ...(jobClass === null
      ? []
      : [{ name: 'jobs of the class', path: withQuery('/jobs', { job_class: jobClass }) }]),
  ];
}

function completions(): Page[] {
  return ['a', 'class:', 'queue:', 'label:', 'cron:', 'label:a', 'queue:*', 'process:'].map(
    (text) => ({
      name: `completion: ${text}`,
      path: withQuery('/api/jobs/completion', { text }),
    }),
  );
}

/** The pages of the first jobs, which have different texts. */
function jobPages({ jobs, executions }: MeasuredRows): Page[] {
  return jobs.slice(0, 4).flatMap((id, n): Page[] => [
    { name: '/jobs/:id', path: `/jobs/${id}` },
    { name: '/jobs/:id, all', path: `/jobs/${id}?all=1` },
    { name: '/jobs/:id, raw', path: `/jobs/${id}?raw=1` },
    { name: 'poll of /jobs/:id', path: `/api/jobs/${id}` },
    { name: 'raw job', path: `/api/jobs/${id}/raw` },
    { name: 'raw execution', path: `/api/executions/${executions[n]}/raw` },
    { name: '/jobs/:id/reveal', path: `/jobs/${id}/reveal` },
    { name: '/jobs/:id/retry', path: `/jobs/${id}/retry` },
  ]);
}

function batchPages(batch: string): Page[] {
  return [
    ...pageAndPoll('/batches'),
    { name: '/batches/:id', path: `/batches/${batch}` },
    { name: '/batches/:id, raw', path: `/batches/${batch}?raw=1` },
    { name: '/batches/:id/retry', path: `/batches/${batch}/retry` },
    { name: 'jobs of a batch', path: `/api/batches/${batch}/jobs` },
    { name: 'search in a batch page', path: withQuery(`/batches/${batch}`, { q: 'password' }) },
    { name: 'state of a batch', path: `/api/batches/${batch}/status` },
    { name: 'callbacks of a batch', path: `/api/batches/${batch}/callback-jobs` },
  ];
}
