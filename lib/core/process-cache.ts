import { LRUCache } from 'lru-cache';
import { setTimeout as sleep } from 'node:timers/promises';
import { processState } from './process-state';

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
  /** Whether a value may be wrong once a viewer of this server has changed something: `expireAfterWrite` ends its TTL. */
  expiresOnWrite?: boolean;
}

export interface StaleOptions {
  /** After the TTL: how long the old value is still answered while a new one loads. */
  staleMs: number;
  /** How long the reader waits for the new value before it gets the stale one. Default 0. */
  waitMs?: number;
}

export interface GetOptions extends Partial<StaleOptions> {
  /** A value whose load began longer ago is no answer, fresh or stale, as another server may have written since. */
  maxAgeMs?: number;
}

interface Loaded<Value> {
  value: Value;
  /** When its load began. */
  startedAt: number;
  freshUntil: number;
}

interface Entry<Value> {
  loaded?: Loaded<Value>;
  loading?: Promise<Value>;
  /** When `loading` began. */
  loadingSince?: number;
  /** After a failed load no other is started behind a reader until then. */
  retryAt: number;
  /** A write has ended its TTL: who reads it waits for a new value. */
  isExpired?: boolean;
}

/** Readers who wait for nothing do not keep asking a database that fails. */
const RETRY_MS = 5_000;
/** How long a reader who could do with a stale value waits for the value after a write. */
const AFTER_WRITE_WAIT_MS = 1_000;

interface Store<Value> {
  entries: LRUCache<string, Entry<Value>>;
  expiresOnWrite: boolean;
}
const stores = processState('caches', () => new Map<string, Store<unknown>>());

/** Ends the TTL of all values of this scope that a write may have made wrong; a load that is under way is not stored. */
export function expireAfterWrite(scope: string): void {
  const prefix = keyPrefix(scope);
  for (const { entries, expiresOnWrite } of stores.values()) {
    if (!expiresOnWrite) continue;
    // A copy: set() moves an entry within the order that is iterated.
    for (const [key, { loaded }] of [...entries.entries()])
      if (key.startsWith(prefix))
        entries.set(key, {
          loaded: loaded && { ...loaded, freshUntil: Math.min(loaded.freshUntil, Date.now()) },
          retryAt: 0,
          isExpired: true,
        });
  }
}

export class ProcessCache<Value> {
  private readonly store: Store<Value>['entries'];

  /** Two caches of one name are the same cache. */
  constructor(
    name: string,
    private readonly options: CacheOptions<Value>,
  ) {
    const store = stores.get(name) ?? {
      entries: new LRUCache({ max: options.maxEntries }),
      expiresOnWrite: options.expiresOnWrite ?? false,
    };
    stores.set(name, store);
    this.store = (store as Store<Value>).entries;
  }

  /** The fresh value, loaded once for all who ask meanwhile; a stale one within `staleMs`. Throws what the load throws. */
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
    const loading = this.loadBehind(entry, load);
    return loading ? withinWait(entry, loading, stale.value, waitMs) : stale.value;
  }

  /**
   * The last value at once, fresh or stale, and a load behind it when it is not fresh; undefined when there is none
   * within `staleMs`. After a write it waits for the new value, a second at most. A failed load is silent: who needs
   * the value calls `get`. `idleMs`: a value that is stale for less starts no load.
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
    const loading = isIdle ? null : this.loadBehind(entry, load);
    loading?.catch(() => undefined);
    return loading ? withinWait(entry, loading, stale, 0) : stale;
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
    const startedAt = Date.now() - loadMs;
    this.store.set(keyOf(scope, key), { loaded: this.loadedNow(value, startedAt), retryAt: 0 });
  }

  /** Who asks next loads anew; a load that is under way is not stored. */
  delete(scope: string, key: string): void {
    this.store.delete(keyOf(scope, key));
  }

  /** A load that began before `since` is not stored. */
  private entryOf(scope: string, key: string, since = -Infinity): Entry<Value> {
    const id = keyOf(scope, key);
    const current = this.store.get(id);
    if (current && (current.loadingSince ?? Infinity) >= since) return current;
    const entry: Entry<Value> = { loaded: current?.loaded, retryAt: 0 };
    this.store.set(id, entry);
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
    entry.loadingSince = startedAt;
    loading.then(
      (value) => {
        entry.loaded = this.loadedNow(value, startedAt);
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

  private loadedNow(value: Value, startedAt: number): Loaded<Value> {
    const { ttlMs } = this.options;
    const now = Date.now();
    const ttl = typeof ttlMs === 'number' ? ttlMs : ttlMs(now - startedAt, value);
    return { value, startedAt, freshUntil: now + ttl };
  }
}

function isFresh<Value>(entry: Entry<Value>): entry is Entry<Value> & { loaded: Loaded<Value> } {
  return entry.loaded !== undefined && entry.loaded.freshUntil > Date.now();
}

/** The loading value within the time that the reader waits, else the other one. */
async function withinWait<Value, Other>(
  { isExpired = false }: Entry<Value>,
  loading: Promise<Value>,
  other: Other,
  waitMs: number,
): Promise<Value | Other> {
  const wait = isExpired ? Math.max(waitMs, AFTER_WRITE_WAIT_MS) : waitMs;
  if (wait === 0) return other;
  return Promise.race([loading.catch(() => other), sleep(wait, other, { ref: false })]);
}

function staleValue<Value>({ loaded }: Entry<Value>, staleMs: number): Loaded<Value> | null {
  return loaded && loaded.freshUntil + staleMs > Date.now() ? loaded : null;
}

/** `base` ms, and `factor` ms for each millisecond that the load took, so that an expensive value loads less often. */
export const costTtl =
  (base: number, factor: number, max: number) =>
  (loadMs: number): number =>
    Math.min(base + loadMs * factor, max);

const keyPrefix = (scope: string): string => `${JSON.stringify(scope)} `;
const keyOf = (scope: string, key: string): string => keyPrefix(scope) + key;
