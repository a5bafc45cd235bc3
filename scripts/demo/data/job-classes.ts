import {
  type Value,
  date,
  decimal,
  duration,
  exactNumber,
  hash,
  keywords,
  record,
  symbol,
  zonedTime,
} from './active-job';
import { ERRORS, type ErrorKind } from './errors';
import {
  company,
  customerId,
  email,
  invoiceId,
  orderId,
  person,
  product,
  region,
  warehouse,
} from './people';
import type { Random } from './random';
import { DAY, HOUR, type Micros, MINUTE, payloadTime, tokyoDate, tokyoTime } from './time';

/** A job class of the fictional app. */
export interface JobClass {
  name: string;
  queue: string;
  /** Null: the class sets none, so the payload has null and the row 0. */
  priority: number | null;
  /** Relative rate of new jobs; 0: only batches, callbacks or cron enqueue it. */
  weight: number;
  /** Median run time in seconds. */
  seconds: number;
  /** Share of attempts that fail. */
  failure: number;
  /** `attempts` of `retry_on`. */
  attempts: number;
  /** `wait` of `retry_on` in seconds; default: `:polynomially_longer`. */
  retryWait?: number;
  errors: readonly ErrorKind[];
  arguments: (random: Random, at: Micros) => Value[];
  labels?: (random: Random) => string[];
  concurrencyKey?: (args: Value[]) => string;
}

const mailer = (name: string, action: string, params: Record<string, Value>) => [
  name,
  action,
  'deliver_now',
  keywords({ params: hash(params), args: [] }),
];
const maybe = (random: Random, probability: number, label: string) =>
  random.chance(probability) ? [label] : [];
const month = (at: Micros) => tokyoDate(at).slice(0, 7);

/** The id of the first GlobalID in an argument. */
const idIn = (value: Value | undefined): string =>
  /\/(\d+)"/.exec(JSON.stringify(value) ?? '')?.[1] ?? '0';

export const JOB_CLASSES: readonly JobClass[] = [
  {
    name: 'ActionMailer::MailDeliveryJob',
    queue: 'mailers',
    priority: null,
    weight: 24,
    seconds: 0.7,
    failure: 0.03,
    attempts: 5,
    errors: [ERRORS.smtp, ERRORS.smtpBusy, ERRORS.mailbox],
    arguments: (r, at) =>
      r.pick([
        () => mailer('CustomerMailer', 'welcome', { customer: record('Customer', customerId(r)) }),
        () =>
          mailer('OrderMailer', 'shipped', {
            order: record('Order', orderId(r)),
            shipped_on: date(tokyoDate(at)),
          }),
        () =>
          mailer('AccountMailer', 'password_reset', {
            email: email(r),
            reset_token: `demo-${r.int(100_000, 999_999)}`,
            expires_in: duration(3600),
          }),
      ])(),
  },
  {
    name: 'InvoiceMailerJob',
    queue: 'mailers',
    priority: 0,
    weight: 10,
    seconds: 1.1,
    failure: 0.05,
    attempts: 5,
    retryWait: 1_800,
    errors: [ERRORS.smtp, ERRORS.smtpBusy, ERRORS.mailbox, ERRORS.notFound],
    arguments: (r) => [
      record('Invoice', invoiceId(r)),
      hash({ to: email(r), subject: `ご請求書のお知らせ（${company(r)}）` }),
    ],
    labels: (r) => ['請求', ...maybe(r, 0.15, 'vip')],
  },
  {
    name: 'Webhooks::DeliverJob',
    queue: 'webhooks',
    priority: 0,
    weight: 16,
    seconds: 0.4,
    failure: 0.07,
    attempts: 8,
    errors: [ERRORS.timeout, ERRORS.gateway, ERRORS.goneEndpoint],
    arguments: (r, at) => [
      record('Webhook::Endpoint', r.int(3, 84)),
      r.pick(['order.paid', 'order.shipped', 'customer.updated']),
      hash({
        url: `https://hooks.example.com/in?token=demo-${r.int(100_000, 999_999)}`,
        id: orderId(r),
        transaction: exactNumber(`1234567890${r.int(1_000_000_000, 4_294_967_295)}`),
        amount: exactNumber(`${r.int(10, 900)}.${r.int(1, 9)}0`),
        at: payloadTime(at),
      }),
    ],
    labels: (r) => ['webhook', ...maybe(r, 0.1, '再送')],
  },
  {
    name: 'Billing::GenerateInvoiceJob',
    queue: 'invoices',
    priority: 5,
    weight: 7,
    seconds: 2.4,
    failure: 0.03,
    attempts: 3,
    errors: [ERRORS.deadlock, ERRORS.noMethod, ERRORS.notFound],
    arguments: (r, at) => [
      keywords({
        customer: record('Customer', customerId(r)),
        period: month(at),
        tax_rate: decimal('0.1'),
        memo: `${company(r)} 御中`,
      }),
    ],
    labels: (r) => ['請求', ...maybe(r, 0.2, '月次')],
    concurrencyKey: (args) => `Billing::GenerateInvoiceJob/${idIn(args[0])}`,
  },
  {
    name: 'Payments::CaptureJob',
    queue: 'payments',
    priority: -10,
    weight: 9,
    seconds: 0.9,
    failure: 0.06,
    attempts: 6,
    errors: [ERRORS.rateLimit, ERRORS.timeout, ERRORS.declined],
    arguments: (r) => [
      record('Order', orderId(r)),
      keywords({
        amount: decimal(`${r.int(800, 198_000)}.0`),
        currency: symbol(r.weighted(['jpy', 'usd', 'eur'], (c) => (c === 'jpy' ? 8 : 1))),
      }),
    ],
    labels: (r) => maybe(r, 0.3, '決済'),
    concurrencyKey: (args) => `order-${idIn(args[0])}`,
  },
  {
    name: 'ImportCustomersJob',
    queue: 'imports',
    priority: 20,
    weight: 2,
    seconds: 14,
    failure: 0.14,
    attempts: 3,
    retryWait: 10_800,
    errors: [ERRORS.csv, ERRORS.encoding, ERRORS.invalid, ERRORS.cancelled],
    arguments: (r, at) => [
      `imports/${tokyoDate(at)}/顧客一覧_${r.int(1, 40)}.csv`,
      keywords({
        encoding: r.pick(['Shift_JIS', 'UTF-8']),
        requested_by: person(r),
        dry_run: r.chance(0.2),
      }),
    ],
    labels: (r) => ['インポート', ...maybe(r, 0.3, r.pick(['priority customer', '要確認']))],
  },
  {
    name: 'Imports::RowJob',
    queue: 'imports',
    priority: 20,
    weight: 0,
    seconds: 0.8,
    failure: 0.05,
    attempts: 3,
    errors: [ERRORS.invalid, ERRORS.deadlock, ERRORS.encoding],
    arguments: (r) => [
      record('Import', 311),
      r.int(2, 4_800),
      { 会社名: company(r), 担当者: person(r), email: email(r), _aj_symbol_keys: [] },
    ],
    labels: () => ['インポート'],
  },
  {
    name: 'Reports::MonthlySalesJob',
    queue: 'reports',
    priority: 30,
    weight: 1,
    seconds: 22,
    failure: 0.05,
    attempts: 2,
    retryWait: 21_600,
    errors: [ERRORS.cancelled, ERRORS.noMethod],
    arguments: (r, at) => [
      month(at),
      hash({
        region: region(r),
        format: symbol(r.pick(['xlsx', 'pdf'])),
        since: date(`${month(at)}-01`),
      }),
    ],
    labels: (r) => ['帳票', ...maybe(r, 0.4, 'monthly')],
  },
  {
    name: 'Documents::RenderPdfJob',
    queue: 'reports',
    priority: 30,
    weight: 4,
    seconds: 4.2,
    failure: 0.02,
    attempts: 3,
    errors: [ERRORS.memory, ERRORS.noMethod],
    arguments: (r) => [record('Document', r.int(7_000, 19_999)), `見積書_${company(r)}.pdf`],
    labels: () => ['帳票'],
  },
  {
    name: 'SyncInventoryJob',
    queue: 'inventory',
    priority: 10,
    weight: 5,
    seconds: 1.8,
    failure: 0.05,
    attempts: 4,
    retryWait: 900,
    errors: [ERRORS.stock, ERRORS.gateway, ERRORS.cancelled],
    arguments: (r, at) => [
      warehouse(r),
      keywords({ since: zonedTime(tokyoTime(at - 10 * MINUTE)), full: r.chance(0.05) }),
    ],
    concurrencyKey: (args) => `SyncInventoryJob/${String(args[0])}`,
  },
  {
    name: 'Shipments::TrackJob',
    queue: 'default',
    priority: 0,
    weight: 7,
    seconds: 0.6,
    failure: 0.03,
    attempts: 6,
    errors: [ERRORS.timeout, ERRORS.gateway],
    arguments: (r) => [
      record('Shipment', r.int(88_000, 120_000)),
      r.pick(['ヤマト運輸', '佐川急便', '日本郵便', 'DHL', 'FedEx']),
    ],
  },
  {
    name: 'ActiveStorage::AnalyzeJob',
    queue: 'default',
    priority: null,
    weight: 5,
    seconds: 0.5,
    failure: 0.01,
    attempts: 10,
    errors: [ERRORS.notFound, ERRORS.deadlock],
    arguments: (r) => [record('ActiveStorage::Blob', r.int(1, 64_000))],
  },
  {
    name: 'SearchIndexJob',
    queue: '低優先',
    priority: 50,
    weight: 9,
    seconds: 0.3,
    failure: 0.02,
    attempts: 3,
    errors: [ERRORS.gateway, ERRORS.timeout],
    arguments: (r) => [
      r.pick(['Customer', 'Order', 'Product']),
      Array.from({ length: r.int(1, 6) }, () => r.int(1, 99_999)),
      product(r),
    ],
  },
  {
    name: 'Exports::CustomerCsvJob',
    queue: 'exports',
    priority: 30,
    weight: 1,
    seconds: 9,
    failure: 0.04,
    attempts: 2,
    errors: [ERRORS.cancelled, ERRORS.memory],
    arguments: (r) => [
      record('User', r.int(1, 240)),
      Array.from({ length: r.int(20, 400) }, () => customerId(r)),
      hash({ columns: ['会社名', '住所', '電話番号'] }),
    ],
    labels: (r) => maybe(r, 0.5, 'export'),
  },
  {
    name: 'Customers::BackfillJob',
    queue: '低優先',
    priority: 60,
    weight: 0,
    seconds: 1.6,
    failure: 0.03,
    attempts: 4,
    errors: [ERRORS.deadlock, ERRORS.cancelled],
    arguments: (r) => [hash({ from: customerId(r), batch_size: 500, retried: false })],
    labels: () => ['backfill'],
  },
  {
    name: 'Reminders::FollowUpJob',
    queue: 'default',
    priority: 10,
    weight: 3,
    seconds: 0.4,
    failure: 0.02,
    attempts: 3,
    errors: [ERRORS.notFound, ERRORS.smtp],
    arguments: (r, at) => [
      record('Customer', customerId(r)),
      zonedTime(tokyoTime(at + DAY + r.int(0, 5) * HOUR)),
      `${person(r)}様 フォローアップ`,
    ],
    labels: () => ['フォロー'],
  },
];

/** Callbacks of batches; `addCallback` sets their arguments. */
const callback = (name: string, queue: string, seconds: number): JobClass => ({
  name,
  queue,
  priority: null,
  weight: 0,
  seconds,
  failure: 0,
  attempts: 3,
  errors: [ERRORS.smtp, ERRORS.noMethod],
  arguments: () => [],
});
const CALLBACK_CLASSES: readonly JobClass[] = [
  callback('Billing::InvoiceRunFinishedJob', 'invoices', 0.6),
  callback('Imports::FinishedJob', 'imports', 0.8),
  callback('Operators::AlertJob', 'default', 0.3),
  callback('Reports::NotifyJob', 'reports', 0.5),
];

/** A class that only cron enqueues. */
const scheduled = (name: string, queue: string, seconds: number, failure: number): JobClass => ({
  name,
  queue,
  priority: null,
  weight: 0,
  seconds,
  failure,
  attempts: 2,
  errors: [ERRORS.cancelled, ERRORS.timeout],
  arguments: () => [],
});
const CRON_CLASSES: readonly JobClass[] = [
  scheduled('Payments::CheckStatusJob', 'payments', 0.4, 0.02),
  scheduled('Carts::ExpireJob', 'default', 0.5, 0.01),
  scheduled('Reports::DailyDigestJob', 'reports', 6, 0),
  scheduled('Maintenance::NightlyCleanupJob', '低優先', 30, 0.2),
];

const BY_NAME = new Map(
  [...JOB_CLASSES, ...CALLBACK_CLASSES, ...CRON_CLASSES].map((jobClass) => [
    jobClass.name,
    jobClass,
  ]),
);

/** Returns the class; undefined: the demo has no class with this name. */
export function findJobClass(name: string): JobClass | undefined {
  return BY_NAME.get(name);
}

/** Returns the class; throws if the demo has no class with this name. */
export function jobClassNamed(name: string): JobClass {
  const jobClass = BY_NAME.get(name);
  if (!jobClass) throw new Error(`The demo has no job class ${name}.`);
  return jobClass;
}

/**
 * Returns the wait before the next attempt in ms, after `failures` failed ones. As Rails'
 * `:polynomially_longer` does, it adds up to 15 % to `failures ** 4 + 2` seconds.
 */
export function retryWaitMs(random: Random, jobClass: JobClass, failures: number): number {
  const seconds = jobClass.retryWait ?? failures ** 4 + 2;
  return Math.round(seconds * 1000 * (1 + 0.15 * random.float()));
}

/** Returns the key that Active Job uses for the class in `exception_executions`. */
export function retriedExceptions(jobClass: JobClass): string {
  return `[${jobClass.errors
    .filter((error) => error.rule === 'retry')
    .map((error) => error.class)
    .join(', ')}]`;
}
