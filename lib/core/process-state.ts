import { LRUCache } from 'lru-cache';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * State that must exist once per process. Next loads a module once for pages and again for Server
 * Actions, and the server in front of Next is a separate bundle, so module variables would exist
 * several times.
 */
const globalStore = globalThis as typeof globalThis & { goodJobConsole?: Map<string, unknown> };

/**
 * Returns the state with this name; the first caller creates it. State must be plain data and
 * functions: a class instance that another copy of its module created fails `instanceof`.
 */
export function processState<State>(name: string, create: () => State): State {
  globalStore.goodJobConsole ??= new Map();
  const states = globalStore.goodJobConsole;
  if (!states.has(name)) states.set(name, create());
  // The name determines the type, because each name has one caller.
  return states.get(name) as State;
}

/** Returns a holder for a value that one part of the process sets and others read. */
export const processValue = <Value>(name: string): { current?: Value } =>
  processState(name, () => ({}));

type Task = () => Promise<void>;

const tasks = processState('shutdown tasks', () => new Map<string, Task>());

/**
 * Registers a task to complete before the process exits; a second task with the same name replaces
 * the first.
 */
export function onShutdown(name: string, task: Task): void {
  tasks.set(name, task);
}

/**
 * Runs every task; a failure does not stop the others and is ignored. The server calls this on the
 * shutdown signal and again after its last request.
 */
export async function shutdown(): Promise<void> {
  await Promise.allSettled([...tasks.values()].map((task) => task()));
}

interface ResponseState {
  /** The status that the page has set. */
  status?: number;
  /** For the log. */
  requestId?: string;
  /** Values that the parts of the request share, by name. */
  shared?: Map<string, unknown>;
}

const storage = processState('response', () => new AsyncLocalStorage<ResponseState>());

/** Returns the id of the current request; undefined outside a request. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId;
}

/**
 * Returns a value that all parts of the request share, created on first use; a new one on each call
 * outside a request.
 */
export function requestState<State>(name: string, create: () => State): State {
  const response = storage.getStore();
  if (!response) return create();
  response.shared ??= new Map();
  if (!response.shared.has(name)) response.shared.set(name, create());
  // The name determines the type, which a Map cannot express.
  return response.shared.get(name) as State;
}

/** Runs a request whose page can set `response.status` with `setResponseStatus`. */
export function withResponseState<T>(response: ResponseState, fn: () => T): T {
  return storage.run(response, fn);
}

/**
 * Sets the HTTP status of the current page, until the first byte is sent. Next itself supports only
 * 404, and a probe must not get 200 for a page about a database failure.
 */
export function setResponseStatus(status: number): void {
  const response = storage.getStore();
  if (response) response.status = status;
}

/*
 * Holds all cached state that outlives a request; docs/caching.md lists the caches. An entry is
 * identified by a scope (`DetectedSchema.identity`, one per database and schema) and a key. Values
 * must be plain data, because the server loads modules several times and `instanceof` fails between
 * copies.
 */

export interface CacheOptions<Value> {
  /** TTL, or a function of the load time. `Infinity`: fresh until deleted. */
  ttlMs: number | ((loadMs: number, value: Value) => number);
  /** Maximum over all scopes; evicts the least recently used entry. */
  maxEntries: number;
  /** Whether `expireAfterWrite` expires the entries, because a write can make them wrong. */
  expiresOnWrite?: boolean;
}

interface StaleOptions {
  /** How long after the TTL a stale value is returned while a new one loads. */
  staleMs: number;
  /** How long a reader waits for the new value before it gets the stale one. Default 0. */
  waitMs?: number;
}

interface GetOptions extends Partial<StaleOptions> {
  /**
   * Maximum age of a value, measured from the start of its load, because another server may have
   * written since.
   */
  maxAgeMs?: number;
}

interface Loaded<Value> {
  value: Value;
  /** Start of the load, Unix ms. */
  startedAt: number;
  freshUntil: number;
}

interface Entry<Value> {
  loaded?: Loaded<Value>;
  loading?: Promise<Value>;
  /** Start of `loading`, Unix ms. */
  loadingSince?: number;
  /** No background load starts before this time (Unix ms), which is set by a failed load. */
  retryAt: number;
  /** A write expired the value, so readers wait for the new one. */
  isExpired?: boolean;
}

/** Delay before background loads query a failing database again. */
const RETRY_MS = 5_000;
/** How long a reader that accepts stale values waits for the new value after a write. */
const AFTER_WRITE_WAIT_MS = 1_000;

interface Store<Value> {
  entries: LRUCache<string, Entry<Value>>;
  expiresOnWrite: boolean;
}
const stores = processState('caches', () => new Map<string, Store<unknown>>());

/**
 * Expires the entries of this scope in all caches with `expiresOnWrite`, and discards the results
 * of loads in progress.
 */
export function expireAfterWrite(scope: string): void {
  const prefix = keyPrefix(scope);
  for (const { entries, expiresOnWrite } of stores.values()) {
    if (!expiresOnWrite) continue;
    // Iterates over a copy because set() changes the iteration order.
    for (const [key, { loaded }] of [...entries.entries()])
      if (key.startsWith(prefix))
        entries.set(key, {
          loaded: loaded && { ...loaded, freshUntil: Math.min(loaded.freshUntil, Date.now()) },
          retryAt: 0,
          isExpired: true,
        });
  }
}

/** A cache that all copies of a module in this process share. */
export class ProcessCache<Value> {
  private readonly store: Store<Value>['entries'];

  /** Caches with the same name share their entries. */
  constructor(
    name: string,
    private readonly options: CacheOptions<Value>,
  ) {
    const store = stores.get(name) ?? {
      entries: new LRUCache({ max: options.maxEntries }),
      expiresOnWrite: options.expiresOnWrite ?? false,
    };
    stores.set(name, store);
    // The name determines the type, as each cache has its own.
    this.store = (store as Store<Value>).entries;
  }

  /**
   * Returns the fresh value, a stale one within `staleMs`, or the result of a load that concurrent
   * readers share. Throws the error of the load.
   */
  async get(
    scope: string,
    key: string,
    load: () => Promise<Value>,
    { staleMs = 0, waitMs = 0, maxAgeMs = Infinity }: GetOptions = {},
  ): Promise<Value> {
    const since = Date.now() - maxAgeMs;
    const entry = this.entryOf(scope, key, since);
    if (isFresh(entry) && entry.loaded.startedAt >= since) return entry.loaded.value;
    const stale = staleValue(entry, staleMs);
    if (!stale || stale.startedAt < since) return this.load(entry, load);
    const loading = this.loadInBackground(entry, load);
    return loading ? valueOrFallback(entry, loading, stale.value, waitMs) : stale.value;
  }

  /**
   * Returns the cached value without waiting, or undefined if there is none within `staleMs`, and
   * starts a background load once it has been stale for `idleMs`. After a write it waits up to a
   * second for the new value. Ignores load errors.
   */
  async latest(
    scope: string,
    key: string,
    load: () => Promise<Value>,
    { staleMs, idleMs = 0 }: { staleMs: number; idleMs?: number },
  ): Promise<Value | undefined> {
    const entry = this.entryOf(scope, key);
    if (isFresh(entry)) return entry.loaded.value;
    const stale = staleValue(entry, staleMs)?.value;
    const isIdle =
      !entry.isExpired && entry.loaded && entry.loaded.freshUntil + idleMs > Date.now();
    const loading = isIdle ? null : this.loadInBackground(entry, load);
    loading?.catch(() => undefined);
    return loading ? valueOrFallback(entry, loading, stale, 0) : stale;
  }

  /** Starts a background load if the value is stale; does nothing if it is missing or fresh. */
  refresh(scope: string, key: string, load: () => Promise<Value>, { staleMs }: StaleOptions): void {
    const entry = this.store.get(keyOf(scope, key));
    if (entry && !isFresh(entry) && staleValue(entry, staleMs))
      this.loadInBackground(entry, load)?.catch(() => undefined);
  }

  /** Returns the fresh value, or the stale one while a load is in progress; never starts a load. */
  peek(scope: string, key: string): Value | undefined {
    const entry = this.store.get(keyOf(scope, key));
    return entry && (isFresh(entry) || entry.loading) ? entry.loaded?.value : undefined;
  }

  /** Stores a value that the caller loaded in `loadMs`. */
  set(scope: string, key: string, value: Value, loadMs = 0): void {
    const startedAt = Date.now() - loadMs;
    this.store.set(keyOf(scope, key), { loaded: this.toLoaded(value, startedAt), retryAt: 0 });
  }

  /** Removes an entry; the result of a load in progress is not stored. */
  delete(scope: string, key: string): void {
    this.store.delete(keyOf(scope, key));
  }

  /** Returns the entry, or a new one if a load in progress began before `since` (Unix ms). */
  private entryOf(scope: string, key: string, since = -Infinity): Entry<Value> {
    const id = keyOf(scope, key);
    const current = this.store.get(id);
    if (current && (current.loadingSince ?? Infinity) >= since) return current;
    const entry: Entry<Value> = { loaded: current?.loaded, retryAt: 0 };
    this.store.set(id, entry);
    return entry;
  }

  private loadInBackground(entry: Entry<Value>, load: () => Promise<Value>): Promise<Value> | null {
    return entry.loading || entry.retryAt <= Date.now() ? this.load(entry, load) : null;
  }

  private load(entry: Entry<Value>, load: () => Promise<Value>): Promise<Value> {
    if (entry.loading) return entry.loading;
    const startedAt = Date.now();
    const loading = load();
    entry.loading = loading;
    entry.loadingSince = startedAt;
    loading.then(
      (value) => {
        entry.loaded = this.toLoaded(value, startedAt);
        entry.loading = undefined;
        entry.loadingSince = undefined;
        entry.isExpired = false;
      },
      () => {
        entry.loading = undefined;
        entry.loadingSince = undefined;
        entry.retryAt = Date.now() + RETRY_MS;
      },
    );
    return loading;
  }

  private toLoaded(value: Value, startedAt: number): Loaded<Value> {
    const { ttlMs } = this.options;
    const now = Date.now();
    const ttl = typeof ttlMs === 'number' ? ttlMs : ttlMs(now - startedAt, value);
    return { value, startedAt, freshUntil: now + ttl };
  }
}

function isFresh<Value>(entry: Entry<Value>): entry is Entry<Value> & { loaded: Loaded<Value> } {
  return entry.loaded !== undefined && entry.loaded.freshUntil > Date.now();
}

/** Waits up to `waitMs` for the value; returns `fallback` on timeout or failure. */
async function valueOrFallback<Value, Fallback>(
  { isExpired = false }: Entry<Value>,
  loading: Promise<Value>,
  fallback: Fallback,
  waitMs: number,
): Promise<Value | Fallback> {
  const wait = isExpired ? Math.max(waitMs, AFTER_WRITE_WAIT_MS) : waitMs;
  if (wait === 0) return fallback;
  return Promise.race([loading.catch(() => fallback), sleep(wait, fallback, { ref: false })]);
}

function staleValue<Value>({ loaded }: Entry<Value>, staleMs: number): Loaded<Value> | null {
  return loaded && loaded.freshUntil + staleMs > Date.now() ? loaded : null;
}

/**
 * Returns a TTL function: `baseMs` plus `factor` for each millisecond of the load, up to `maxMs`,
 * so that expensive values load less often.
 */
export const costTtl =
  (baseMs: number, factor: number, maxMs: number) =>
  (loadMs: number): number =>
    Math.min(baseMs + loadMs * factor, maxMs);

const keyPrefix = (scope: string): string => `${JSON.stringify(scope)} `;
const keyOf = (scope: string, key: string): string => keyPrefix(scope) + key;
