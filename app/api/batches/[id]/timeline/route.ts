import { rowRoute } from '@/app/api/answer-json';
import { getBatchTimeline } from '@/lib/batches/status';

export const GET = rowRoute(getBatchTimeline);
