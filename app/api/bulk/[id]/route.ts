import { rowRoute } from '@/app/api/answer-json';
import { getRun } from '@/lib/bulk/runs';

export const GET = rowRoute(getRun);
