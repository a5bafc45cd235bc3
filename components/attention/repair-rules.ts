import type { Repair } from '@/lib/attention/types';
import type { Permission } from '@/lib/auth/roles';

/** Mirrors what the mutation enforces. */
export const PERMISSION_OF = {
  check_batches: 'batch.check',
  release_jobs: 'job.release',
  unpause: 'pause.unpause',
} as const satisfies Record<Repair, Permission>;
