import { afterEach, expect, it, vi } from 'vitest';
import { fetchJson } from './requests';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

function answerWith(headers: Record<string, string>): void {
  vi.stubEnv('CONSOLE_RELEASE', 'this-build');
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ rows: [] }, { headers })));
}

it('returns the data of a server of the same build', async () => {
  answerWith({ 'x-console-release': 'this-build' });
  expect(await fetchJson('/api/jobs')).toEqual({ rows: [] });
});

it('rejects the data of a server of another build with console_updated', async () => {
  answerWith({ 'x-console-release': 'another-build' });
  await expect(fetchJson('/api/jobs')).rejects.toThrow('console_updated');
});

it('accepts data without a build, because a proxy may remove headers', async () => {
  answerWith({});
  expect(await fetchJson('/api/jobs')).toEqual({ rows: [] });
});
