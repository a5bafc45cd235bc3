'use client';

import { useRouter } from 'next/navigation';
import type { BulkRun } from '@/lib/bulk/types';
import { BulkProgress } from './bulk-progress';

/** The progress on the run's own page; refreshes the server-rendered parts when the run ends. */
export function RunView({ run }: { run: BulkRun }) {
  const router = useRouter();
  return <BulkProgress id={run.id} initial={run} own onEnd={() => router.refresh()} />;
}
