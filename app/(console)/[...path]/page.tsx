import { renderMissingPage } from '../guard';

/** Handles unknown paths, because Next would render its not-found page along with every page. */
export default function UnknownAddressPage() {
  return renderMissingPage();
}
