import { rowRoute } from '@/app/api/answer-json';
import { getBatchTimeline } from '@/lib/batches/timeline';

export const GET = rowRoute(getBatchTimeline);
