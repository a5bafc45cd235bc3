'use client';

import { createContext, useCallback, useContext } from 'react';
import { type Application, href } from '@/lib/core/href';

const ApplicationContext = createContext<Application>({
  key: null,
  basePath: '',
  label: null,
  environment: null,
  color: 'grey',
});
export const ApplicationProvider = ApplicationContext.Provider;

/** The application that the page is about. */
export const useApplication = (): Application => useContext(ApplicationContext);

/** Returns a function that makes the URL, with the base path, of a path of the application. */
export function useHref(): (path: string) => string {
  const application = useApplication();
  return useCallback((path) => href(application, path), [application]);
}
