import { NotFound } from '@/components/not-found';

export default function ConsoleNotFound() {
  return <NotFound />;
}
