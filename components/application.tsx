'use client';

import { createContext, useCallback, useContext } from 'react';
import { type Application, applicationName, href } from '@/lib/core/urls';

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

/** The application and environment that an action is about, with the environment's colour. */
export function EnvironmentName() {
  const application = useApplication();
  const name = applicationName(application);
  if (name === null) return null;
  return (
    <p data-color={application.color} className="flex items-center gap-2 text-xs text-soft">
      <span aria-hidden="true" className="environment-mark" />
      {name}
    </p>
  );
}
