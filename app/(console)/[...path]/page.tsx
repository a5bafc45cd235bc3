import { missingPage } from '../guard';

/** Any address that is nothing. A not-found page of Next's own would be rendered beside every page, in case it is one. */
export default function UnknownAddressPage() {
  return missingPage();
}
