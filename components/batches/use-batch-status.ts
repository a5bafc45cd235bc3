import type { BatchStatus } from '@/lib/batches/types';
import { useHref } from '../application';
import { fetchJson } from '../fetch-json';
import { usePollingQuery } from '../polling/use-polling-query';

/** The status of a batch, shared by all parts of its page; one of them polls it. */
export function useBatchStatus(
  batchId: string,
  initial: BatchStatus | null,
  isPolling: boolean | ((status: BatchStatus | undefined) => boolean),
) {
  const href = useHref();
  return usePollingQuery({
    key: ['batch-status', batchId],
    fetch: (signal) => fetchJson<BatchStatus>(href(`/api/batches/${batchId}/status`), signal),
    initial: initial ?? undefined,
    enabled: typeof isPolling === 'function' ? isPolling : () => isPolling,
  });
}
