/** The accounts of all sign-in methods; `nobody` has no role. */
export const ACCOUNTS = [
  { name: 'viewer', email: 'viewer@example.com', groups: ['staff'] },
  { name: 'operator', email: 'operator@example.com', groups: ['staff', 'on-call'] },
  { name: 'admin', email: 'admin@example.com', groups: ['staff', 'admins'] },
  { name: 'nobody', email: 'nobody@example.com', groups: [] },
] as const;
export type AccountName = (typeof ACCOUNTS)[number]['name'];

/** The matching role settings of the console. */
export const ROLE_ENV = {
  ROLE_VIEWERS: 'group:staff',
  ROLE_OPERATORS: 'group:on-call',
  ROLE_ADMINS: 'group:admins',
};
