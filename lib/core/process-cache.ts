import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';

/*
 * The one home of state that outlives a request; docs/caching.md lists every cache. A value belongs to a scope (the
 * opaque identity of a database and its schema, `DetectedSchema.identity`) and a key. Values are plain data: the server
 * instantiates modules more than once, and an object of one instance's class is a stranger to the next.
 */

export interface CacheOptions<Value> {
  /** How long a value is fresh, or how to tell from the milliseconds that its load took. `Infinity`: until it is deleted. */
  ttlMs: number | ((loadMs: number, value: Value) => number);
  /** Over all scopes; the least recently read entry is dropped first. */
  maxEntries: number;
}

export interface StaleOptions {
  /** After the TTL: how long the old value is still answered while a new one loads. */
  staleMs: number;
  /** How long the reader waits for the new value before it gets the stale one. Default 0. */
  waitMs?: number;
}

interface Loaded<Value> {
  value: Value;
  freshUntil: number;
}

interface Entry<Value> {
  loaded?: Loaded<Value>;
  loading?: Promise<Value>;
  /** After a failed load no other is started behind a reader until then. */
  retryAt: number;
}

/** Readers who wait for nothing do not keep asking a database that fails. */
const RETRY_MS = 5_000;

type Store<Value> = LRUCache<string, Entry<Value>>;
const shared = globalThis as typeof globalThis & {
  goodJobConsoleCaches?: Map<string, Store<unknown>>;
};
const stores = (shared.goodJobConsoleCaches ??= new Map());

export class ProcessCache<Value> {
  private readonly store: Store<Value>;

  /** Two caches of one name are the same cache. */
  constructor(
    name: string,
    private readonly options: CacheOptions<Value>,
  ) {
    const store = stores.get(name) ?? new LRUCache({ max: options.maxEntries });
    stores.set(name, store);
    this.store = store as Store<Value>;
  }

  /** The fresh value, loaded once for all who ask meanwhile; a stale one within `staleMs`. Throws what the load throws. */
  async get(
    scope: string,
    key: string,
    load: () => Promise<Value>,
    { staleMs, waitMs = 0 }: StaleOptions = { staleMs: 0 },
  ): Promise<Value> {
    const entry = this.entryOf(scope, key);
    if (isFresh(entry)) return entry.loaded.value;
    const stale = staleValue(entry, staleMs);
    if (!stale) return this.load(entry, load);
    const loading = this.loadBehind(entry, load);
    if (!loading || waitMs === 0) return stale.value;
    return Promise.race([
      loading.catch(() => stale.value),
      sleep(waitMs, stale.value, { ref: false }),
    ]);
  }

  /**
   * The last value at once, fresh or stale, and a load behind it when it is not fresh; undefined when there is none
   * within `staleMs`. A failed load is silent: who needs the value calls `get`.
   */
  latest(
    scope: string,
    key: string,
    load: () => Promise<Value>,
    { staleMs }: StaleOptions,
  ): Value | undefined {
    const entry = this.entryOf(scope, key);
    if (isFresh(entry)) return entry.loaded.value;
    this.loadBehind(entry, load)?.catch(() => undefined);
    return staleValue(entry, staleMs)?.value;
  }

  /** Loads behind a stale value; does nothing where there is none, or a fresh one. */
  refresh(scope: string, key: string, load: () => Promise<Value>, { staleMs }: StaleOptions): void {
    const entry = this.store.get(keyOf(scope, key));
    if (entry && !isFresh(entry) && staleValue(entry, staleMs))
      this.loadBehind(entry, load)?.catch(() => undefined);
  }

  /** The fresh value, or the stale one while `refresh` or another reader loads its successor; never loads. */
  peek(scope: string, key: string): Value | undefined {
    const entry = this.store.get(keyOf(scope, key));
    return entry && (isFresh(entry) || entry.loading) ? entry.loaded?.value : undefined;
  }

  /** A value that the caller has loaded itself, in `loadMs`. */
  set(scope: string, key: string, value: Value, loadMs = 0): void {
    this.store.set(keyOf(scope, key), { loaded: this.loadedNow(value, loadMs), retryAt: 0 });
  }

  /** Who asks next loads anew; a load that is under way is not stored. */
  delete(scope: string, key: string): void {
    this.store.delete(keyOf(scope, key));
  }

  private entryOf(scope: string, key: string): Entry<Value> {
    const id = keyOf(scope, key);
    const entry = this.store.get(id) ?? { retryAt: 0 };
    if (!this.store.has(id)) this.store.set(id, entry);
    return entry;
  }

  private loadBehind(entry: Entry<Value>, load: () => Promise<Value>): Promise<Value> | null {
    return entry.loading || entry.retryAt <= Date.now() ? this.load(entry, load) : null;
  }

  private load(entry: Entry<Value>, load: () => Promise<Value>): Promise<Value> {
    if (entry.loading) return entry.loading;
    const startedAt = Date.now();
    const loading = load();
    entry.loading = loading;
    loading.then(
      (value) => {
        entry.loaded = this.loadedNow(value, Date.now() - startedAt);
        entry.loading = undefined;
      },
      () => {
        entry.loading = undefined;
        entry.retryAt = Date.now() + RETRY_MS;
      },
    );
    return loading;
  }

  private loadedNow(value: Value, loadMs: number): Loaded<Value> {
    const { ttlMs } = this.options;
    const ttl = typeof ttlMs === 'number' ? ttlMs : ttlMs(loadMs, value);
    return { value, freshUntil: Date.now() + ttl };
  }
}

function isFresh<Value>(entry: Entry<Value>): entry is Entry<Value> & { loaded: Loaded<Value> } {
  return entry.loaded !== undefined && entry.loaded.freshUntil > Date.now();
}

function staleValue<Value>({ loaded }: Entry<Value>, staleMs: number): Loaded<Value> | null {
  return loaded && loaded.freshUntil + staleMs > Date.now() ? loaded : null;
}

/** `base` ms, and `factor` ms for each millisecond that the load took, so that an expensive value loads less often. */
export const costTtl =
  (base: number, factor: number, max: number) =>
  (loadMs: number): number =>
    Math.min(base + loadMs * factor, max);

const keyOf = (scope: string, key: string): string => JSON.stringify([scope, key]);
