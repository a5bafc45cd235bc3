/** What the action of a form returns in place of an address: the form stays as it is and says that the console was updated. */
export const STAY = 'console_updated';
