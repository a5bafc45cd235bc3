'use client';

import { applicationName } from '@/lib/core/href';
import { useApplication } from './application';

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
