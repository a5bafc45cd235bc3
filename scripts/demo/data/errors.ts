import type { Random } from './random';

/** How the job class handles the error: `retry_on`, `discard_on`, or not at all. */
export type ErrorRule = 'retry' | 'discard' | 'unhandled';

export interface ErrorKind {
  class: string;
  rule: ErrorRule;
  weight: number;
  message: (random: Random) => string;
  /** Backtrace lines above those of the app. */
  gems: readonly string[];
}

const gem = (frames: string[]) => frames.map((frame) => `/usr/local/bundle/gems/${frame}`);

const NET_HTTP = [
  "/usr/local/lib/ruby/3.3.0/net/protocol.rb:229:in `rbuf_fill'",
  "/usr/local/lib/ruby/3.3.0/net/http/response.rb:158:in `read_status_line'",
  "/usr/local/lib/ruby/3.3.0/net/http.rb:2362:in `transport_request'",
];
const NET_SMTP = [
  "/usr/local/lib/ruby/3.3.0/net/protocol.rb:46:in `connect'",
  "/usr/local/bundle/gems/net-smtp-0.5.1/lib/net/smtp.rb:631:in `tcp_socket'",
  "/usr/local/bundle/gems/mail-2.8.1/lib/mail/network/delivery_methods/smtp.rb:109:in `deliver!'",
];
const FARADAY = gem([
  "faraday-2.13.1/lib/faraday/adapter/net_http.rb:66:in `perform_request'",
  "faraday-2.13.1/lib/faraday/connection.rb:275:in `post'",
]);
const PG_EXEC = gem([
  "activerecord-7.2.2.2/lib/active_record/connection_adapters/postgresql/database_statements.rb:167:in `exec_params'",
  "activerecord-7.2.2.2/lib/active_record/connection_adapters/abstract/database_statements.rb:628:in `exec_query'",
]);

const kind = (
  name: string,
  rule: ErrorRule,
  weight: number,
  gems: readonly string[],
  message: ErrorKind['message'],
): ErrorKind => ({ class: name, rule, weight, gems, message });

export const ERRORS = {
  smtp: kind('Net::OpenTimeout', 'retry', 6, NET_SMTP, () => 'execution expired'),
  smtpBusy: kind(
    'Net::SMTPServerBusy',
    'retry',
    4,
    NET_SMTP,
    (r) => `451 4.7.1 Greylisted, please try again in ${r.int(60, 600)} seconds`,
  ),
  mailbox: kind(
    'Net::SMTPFatalError',
    'discard',
    2,
    NET_SMTP,
    (r) =>
      `550 5.1.1 <user${r.int(1, 9999)}@example.com>: Recipient address rejected: User unknown`,
  ),
  timeout: kind(
    'Faraday::TimeoutError',
    'retry',
    6,
    [...NET_HTTP, ...FARADAY],
    () => 'Net::ReadTimeout with #<TCPSocket:(closed)>',
  ),
  gateway: kind(
    'Faraday::ServerError',
    'retry',
    4,
    FARADAY,
    (r) => `the server responded with status ${r.pick([502, 503, 504])}`,
  ),
  goneEndpoint: kind(
    'Faraday::ResourceNotFound',
    'discard',
    2,
    FARADAY,
    () => 'the server responded with status 404',
  ),
  rateLimit: kind(
    'Payments::RateLimited',
    'retry',
    3,
    [],
    (r) => `429 Too Many Requests (retry after ${r.int(1, 30)}s)`,
  ),
  declined: kind(
    'Payments::CardDeclined',
    'discard',
    4,
    [],
    (r) =>
      `カードが拒否されました（理由: ${r.pick(['残高不足', '有効期限切れ', '発行会社へお問い合わせください'])}）`,
  ),
  encoding: kind(
    'Encoding::UndefinedConversionError',
    'unhandled',
    2,
    [],
    (r) => `"\\x${r.int(128, 252).toString(16).toUpperCase()}" from ASCII-8BIT to UTF-8`,
  ),
  csv: kind(
    'CSV::MalformedCSVError',
    'unhandled',
    4,
    gem(["csv-3.3.5/lib/csv/parser.rb:1096:in `parse_quotable_robust'"]),
    (r) => `Any value after quoted field isn't allowed in line ${r.int(2, 4800)}.`,
  ),
  invalid: kind(
    'ActiveRecord::RecordInvalid',
    'unhandled',
    4,
    gem([
      "activerecord-7.2.2.2/lib/active_record/validations.rb:87:in `raise_validation_error'",
      "activerecord-7.2.2.2/lib/active_record/validations.rb:54:in `save!'",
    ]),
    (r) =>
      `バリデーションに失敗しました: ${r.pick(['メールアドレスはすでに存在します', '郵便番号は不正な値です', '会社名を入力してください'])}`,
  ),
  notFound: kind(
    'ActiveJob::DeserializationError',
    'discard',
    3,
    gem(["globalid-1.2.1/lib/global_id/locator.rb:44:in `locate'"]),
    (r) =>
      `Error while trying to deserialize arguments: Couldn't find Customer with 'id'=${r.int(1001, 9800)}`,
  ),
  deadlock: kind(
    'ActiveRecord::Deadlocked',
    'retry',
    4,
    PG_EXEC,
    (r) =>
      'PG::TRDeadlockDetected: ERROR:  deadlock detected\n' +
      `DETAIL:  Process ${r.int(400, 900)} waits for ShareLock on transaction ` +
      `${r.int(9_000_000, 9_999_999)}; blocked by process ${r.int(400, 900)}.\n` +
      'HINT:  See server log for query details.',
  ),
  cancelled: kind(
    'ActiveRecord::QueryCanceled',
    'retry',
    3,
    PG_EXEC,
    () => 'PG::QueryCanceled: ERROR:  canceling statement due to statement timeout',
  ),
  noMethod: kind(
    'NoMethodError',
    'unhandled',
    3,
    [],
    (r) =>
      `undefined method \`${r.pick(['postal_code', 'total_with_tax', 'strip', 'tax_rate'])}' for nil`,
  ),
  memory: kind('Errno::ENOMEM', 'retry', 1, [], () => 'Cannot allocate memory - fork(2)'),
  stock: kind(
    'Inventory::StockMismatch',
    'retry',
    4,
    [],
    (r) =>
      `在庫数が一致しません: SKU-${r.int(10_000, 99_999)} 期待値 ${r.int(5, 90)} 実際 ${r.int(0, 4)}`,
  ),
} as const satisfies Record<string, ErrorKind>;

const ACTIVE_JOB = gem([
  "activejob-7.2.2.2/lib/active_job/execution.rb:68:in `block in _perform_job'",
  "activesupport-7.2.2.2/lib/active_support/callbacks.rb:121:in `block in run_callbacks'",
  "i18n-1.14.7/lib/i18n.rb:353:in `with_locale'",
  "activejob-7.2.2.2/lib/active_job/translation.rb:9:in `block (2 levels) in <module:Translation>'",
  "activesupport-7.2.2.2/lib/active_support/callbacks.rb:130:in `instance_exec'",
  "activesupport-7.2.2.2/lib/active_support/callbacks.rb:130:in `block in run_callbacks'",
  "activesupport-7.2.2.2/lib/active_support/core_ext/time/zones.rb:65:in `use_zone'",
  "activejob-7.2.2.2/lib/active_job/timezones.rb:9:in `block (2 levels) in <module:Timezones>'",
  "activesupport-7.2.2.2/lib/active_support/callbacks.rb:141:in `run_callbacks'",
  "activejob-7.2.2.2/lib/active_job/execution.rb:67:in `_perform_job'",
  "activejob-7.2.2.2/lib/active_job/instrumentation.rb:32:in `_perform_job'",
  "activejob-7.2.2.2/lib/active_job/execution.rb:51:in `perform_now'",
  "good_job-4.19.2/app/models/good_job/job.rb:667:in `block (2 levels) in perform'",
  "good_job-4.19.2/lib/good_job/scheduler.rb:322:in `block in create_task'",
  "concurrent-ruby-1.3.5/lib/concurrent-ruby/concurrent/concern/dereferenceable_common.rb:24:in `block in execute'",
]);

/** Underscores as Rails does: `Billing::InvoiceJob` becomes `billing/invoice_job`. */
function fileOf(jobClass: string): string {
  return jobClass
    .split('::')
    .map((part) => part.replaceAll(/([a-z\d])([A-Z])/g, '$1_$2').toLowerCase())
    .join('/');
}

export interface RaisedError {
  kind: ErrorKind;
  /** The text that GoodJob writes into `error`. */
  text: string;
  backtrace: string[];
}

/** Returns one of the errors at random, as a job of the class raises it. */
export function raise(random: Random, jobClass: string, errors: readonly ErrorKind[]): RaisedError {
  const error = random.weighted(errors, ({ weight }) => weight);
  const file = fileOf(jobClass);
  const model = `${file.replace(/_job$/, '')}.rb:${20 + (file.length % 60)}`;
  const method = random.pick(['call', 'deliver', 'process_row', 'fetch']);
  return {
    kind: error,
    text: `${error.class}: ${error.message(random)}`,
    backtrace: [
      ...error.gems,
      `/app/app/models/${model}:in \`${method}'`,
      `/app/app/jobs/${file}.rb:${8 + (file.length % 30)}:in \`perform'`,
      ...ACTIVE_JOB,
    ],
  };
}
